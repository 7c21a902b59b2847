"""压测各图共有的：指标的名字、按长度分组、取一族统计、换成画得动的数。"""

from __future__ import annotations

from collections.abc import Iterable

from rayeval.domain.report import NO_STATS, CellSummary, Stats
from rayeval.export.page.cells import Drawn
from rayeval.export.page.curves import Numbers, rounded
from rayeval.export.page.figure import both
from rayeval.export.page.slot import Select

FAMILY_NAMES = {"ttft": "TTFT", "tpot": "TPOT", "itl": "ITL", "e2e": "E2E"}
METRIC = both("Metric", "指标")
CONCURRENCY = both("concurrency", "并发")
DOTTED = ("Dotted: the baseline.", "点线是基线。")
"""图下的一句，有基线才说。"""
_LENGTHS = both("Input → output tokens", "输入 → 输出 token")


def by_lengths(cells: Iterable[Drawn]) -> dict[str, list[Drawn]]:
    """按（输入，输出）长度分组，次序不变。"""
    groups: dict[str, list[Drawn]] = {}
    for cell in cells:
        groups.setdefault(cell.lengths, []).append(cell)
    return groups


def lengths_select(cells: Iterable[Drawn]) -> Select:
    """选一组长度。"""
    return Select(_LENGTHS, tuple((lengths, lengths) for lengths in by_lengths(cells)))


def family_select(families: Iterable[str]) -> Select:
    """选一族延迟。"""
    return Select(METRIC, tuple((family, FAMILY_NAMES[family]) for family in families))


def stats(summary: CellSummary, key: str) -> Stats:
    """一族统计；没有则为空的。"""
    return summary.stats.get(key, NO_STATS)


def milliseconds(seconds: Iterable[float | None]) -> Numbers:
    """秒 → 画得动的毫秒；未定义为 None。"""
    return numbers(None if value is None else value * 1000 for value in seconds)


def numbers(values: Iterable[float | None]) -> Numbers:
    """画得动的数；未定义为 None。"""
    return rounded(float("nan") if value is None else value for value in values)
