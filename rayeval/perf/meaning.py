"""一次请求的意义：REQUESTS 里由回复内容决定的列，与其中 token 数的来历。"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from rayeval.perf.tally import Tally, count


class Meaning(NamedTuple):
    """一次请求的意义；名字与定义同 REQUESTS 的列，未定义为 None。`*_s` 自 t0 起，秒。

    `end_s` 是 [DONE] 或关闭的时刻减 t0，失败时是放弃的时刻。
    `stamps` 是有 token 事件的各次读的绝对时刻，`counts` 是各次读里的 token 事件数；
    它们在成列时才摊成 ITL。
    """

    end_s: float
    ttfb_s: float | None
    ttft_s: float | None
    ttfa_s: float | None
    second_token_s: float | None
    last_token_s: float | None
    last_reasoning_s: float | None
    e2e_s: float | None
    token_events: int
    first_read_events: int | None
    prompt_tokens: int | None
    cached_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    content_tokens: int | None
    tokens_source: str | None
    http_status: int | None
    error_class: str | None
    error_message: str | None
    finish_reason: str | None
    x_span_id: str | None
    trace_id: str | None
    stamps: list[float]
    counts: list[int]

    @property
    def itl_s(self) -> npt.NDArray[np.float32] | None:
        """相邻 token 事件的间隔，秒；不到两个事件为 None。"""
        if self.token_events < 2:  # noqa: PLR2004 定义
            return None
        return np.diff(np.repeat(self.stamps, self.counts)).astype(np.float32)


class TokenCounts(NamedTuple):
    """各种 token 的数目与来历；不知道的为 None。"""

    prompt: int | None
    cached: int | None
    completion: int | None
    reasoning: int | None
    content: int | None
    source: str | None


def token_counts(tally: Tally) -> TokenCounts:
    """token 数：先信用量，没有才数事件。

    引擎很少报推理 token 数；事件数与生成数一致时按事件分，否则不猜。
    """
    events = tally.events
    completion = count(tally.usage, "completion_tokens")
    source: str | None = "usage"
    if completion is None or (completion == 0 and tally.has_output):
        completion, source = events or None, "events"
    if completion is None:
        source = None
    reasoning = _reasoning(tally, completion, events)
    known = completion is not None and reasoning is not None
    return TokenCounts(
        prompt=count(tally.usage, "prompt_tokens"),
        cached=count(tally.usage, "prompt_tokens_details", "cached_tokens"),
        completion=completion,
        reasoning=reasoning,
        content=max(0, (completion or 0) - (reasoning or 0)) if known else None,
        source=source,
    )


def _reasoning(tally: Tally, completion: int | None, events: int) -> int | None:
    """推理 token 数；用量里的零与看到的推理相矛盾时不信用量。"""
    reported = count(tally.usage, "completion_tokens_details", "reasoning_tokens")
    if completion is None or reported:
        return reported
    if tally.reasoning_events == 0:
        return 0 if events else reported
    return tally.reasoning_events if events == completion else None
