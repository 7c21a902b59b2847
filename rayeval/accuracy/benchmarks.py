"""有哪些基准：名字 → 怎样出题、怎样问、怎样从回复里读出字母。"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rayeval.accuracy import extract, gpqa, mmlu, prompt
from rayeval.domain.accuracy import AccuracySpec, Item
from rayeval.errors import UsageError


@dataclass(frozen=True, slots=True)
class Benchmark:
    """一个基准的四个函数；`by_category`：simple-evals 对它按大类列分，而不是列回复的长短。

    items：（档位，数据集的字节）→ 题单；messages：（模板、题、system）→ 对话；
    simple_evals 与 robust：回复文本 → 字母，抽不到为 None。
    """

    items: Callable[[AccuracySpec, bytes], tuple[Item, ...]]
    messages: Callable[[str, Item, str | None], list[dict[str, str]]]
    simple_evals: Callable[[str], str | None]
    robust: Callable[[str], str | None]
    by_category: bool = False


BENCHMARKS: Mapping[str, Benchmark] = {
    "gpqa": Benchmark(
        gpqa.load_items, prompt.messages, extract.extract_simple_evals, extract.extract_robust
    ),
    "mmlu": Benchmark(
        mmlu.load_items, prompt.messages, mmlu.extract, extract.extract_robust, by_category=True
    ),
}


def find(name: str) -> Benchmark:
    """按名取基准；没有时抛 UsageError，附上最像的名字与全部名字。"""
    if name in BENCHMARKS:
        return BENCHMARKS[name]
    close = difflib.get_close_matches(name, BENCHMARKS, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise UsageError(f"unknown benchmark {name!r}; {hint}known: {', '.join(sorted(BENCHMARKS))}")
