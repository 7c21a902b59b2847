"""题单 → 分片：连续的几段，只决定谁去问，不改变任何一题。"""

from __future__ import annotations

from collections.abc import Sequence

from rayeval.domain.accuracy import AccuracySpec, Item, Shard
from rayeval.domain.service import Endpoint


def make_shards(
    items: Sequence[Item],
    spec: AccuracySpec,
    endpoint: Endpoint,
    *,
    template: str,
    max_tokens_field: str = "max_tokens",
    reasoning_keys: tuple[str, ...] = ("reasoning_content", "reasoning"),
) -> tuple[Shard, ...]:
    """题单 → 连续的几段，长短至多差一；首尾相接正是原题单。

    在途请求数分给各段：每段至少 1，总和恰为 spec.threads；所以段数不多于
    spec.threads，也不多于题数。没有题就没有分片。
    """
    count = min(spec.shards, spec.threads, len(items))
    return tuple(
        Shard(
            index=index,
            items=tuple(items[len(items) * index // count : len(items) * (index + 1) // count]),
            endpoint=endpoint,
            spec=spec,
            template=template,
            threads=(spec.threads + count - 1 - index) // count,
            max_tokens_field=max_tokens_field,
            reasoning_keys=reasoning_keys,
        )
        for index in range(count)
    )
