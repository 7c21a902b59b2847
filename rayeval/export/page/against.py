"""对着并发画的图：吞吐、延迟、服务端与客户端。"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rayeval.domain.report import CellSummary
from rayeval.export.page.cells import Drawn
from rayeval.export.page.families import (
    CONCURRENCY,
    FAMILY_NAMES,
    METRIC,
    by_lengths,
    family_select,
    lengths_select,
    milliseconds,
    numbers,
    stats,
)
from rayeval.export.page.figure import Figure, Trace, Words, axis, both, colour, figure, line
from rayeval.export.page.samples import FAMILIES
from rayeval.export.page.slot import Select, Slot

Of = Callable[[CellSummary], float | None]
RATES: tuple[tuple[str, Words, Of], ...] = (
    ("output", both("output tokens/s", "输出 token/秒"), lambda c: c.output_throughput),
    ("total", both("all tokens/s", "全部 token/秒"), lambda c: c.total_throughput),
    ("qps", both("requests/s (QPS)", "请求/秒（QPS）"), lambda c: c.qps),
    ("good", both("good requests/s", "达标请求/秒"), lambda c: c.good_qps),
)
SERVER_SIDE = {"ttft": "server_ttft", "tpot": "server_tpot", "e2e": "server_e2e"}
"""客户端的一族 → 服务自述的同一族。"""


def rate_slot(name: str, cells: Sequence[Drawn]) -> Slot:
    """吞吐：一组长度一条线，基线是点线。"""
    shown = [rate for rate in RATES if any(rate[2](cell.summary) is not None for cell in cells)]
    return Slot(
        f"{name}-rate",
        both("Throughput against concurrency", "吞吐对并发"),
        {key: _rate(cells, of, words) for key, words, of in shown},
        (Select(METRIC, tuple((key, words) for key, words, _ in shown)),),
    )


def latency_slot(name: str, cells: Sequence[Drawn]) -> Slot:
    """延迟：选长度与指标，P50、P90、P99 与基线的 P99。"""
    families = [f for f in FAMILIES if any(stats(cell.summary, f).n for cell in cells)]
    return Slot(
        f"{name}-latency",
        both("Latency against concurrency", "延迟对并发"),
        {
            f"{lengths}|{family}": _percentiles(group, family)
            for lengths, group in by_lengths(cells).items()
            for family in families
        },
        (lengths_select(cells), family_select(families)),
    )


def server_slot(name: str, cells: Sequence[Drawn]) -> Slot:
    """服务自述的与客户端测到的均值，并排；服务没说就没有图。"""
    families = [
        family
        for family, key in SERVER_SIDE.items()
        if any(stats(cell.summary, key).avg is not None for cell in cells)
    ]
    return Slot(
        f"{name}-server",
        both("Server side beside client side", "服务端与客户端"),
        {
            f"{lengths}|{family}": _sides(group, family)
            for lengths, group in by_lengths(cells).items()
            for family in families
        },
        (lengths_select(cells), family_select(families)),
        both(
            "Averages. What the client sees more is network, queue and proxy.",
            "均值。客户端多出来的是网络、排队与代理。",
        ),
        wide=True,
    )


def _rate(cells: Sequence[Drawn], of: Of, words: Words) -> Figure:
    """一个速率对并发。"""
    traces: list[Trace] = []
    for index, (lengths, group) in enumerate(by_lengths(cells).items()):
        more: dict[str, Any] = {"mode": "lines+markers", "legendgroup": lengths}
        values = numbers(of(cell.summary) for cell in group)
        traces.append(line(_permits(group), values, lengths, index, **more))
        if any(cell.base is not None for cell in group):
            name = both(f"{lengths} baseline", f"{lengths} 基线")
            before = numbers(of(c.base.summary) if c.base is not None else None for c in group)
            more = {"line": {"dash": "dot"}, "legendgroup": lengths}
            traces.append(line(_permits(group), before, name, index, **more))
    return figure(traces, axis(CONCURRENCY, type="category"), axis(words, rangemode="tozero"))


def _percentiles(cells: Sequence[Drawn], family: str) -> Figure:
    """一族延迟的 P50、P90、P99 对并发，与基线的 P99。"""
    traces = [
        line(
            _permits(cells),
            milliseconds(getattr(stats(cell.summary, family), name) for cell in cells),
            name.upper(),
            index,
            mode="lines+markers",
        )
        for index, name in enumerate(("p50", "p90", "p99"))
    ]
    if any(cell.base is not None for cell in cells):
        before = milliseconds(
            stats(cell.base.summary, family).p99 if cell.base is not None else None
            for cell in cells
        )
        name = both("P99 baseline", "P99 基线")
        traces.append(line(_permits(cells), before, name, 2, line={"dash": "dot"}))
    y = axis(f"{FAMILY_NAMES[family]} (ms)", rangemode="tozero")
    return figure(traces, axis(CONCURRENCY, type="category"), y)


def _sides(cells: Sequence[Drawn], family: str) -> Figure:
    """一族延迟：客户端的与服务自述的均值。"""
    sides = ((family, both("client", "客户端")), (SERVER_SIDE[family], both("server", "服务端")))
    traces: list[Trace] = [
        {
            "type": "bar",
            "x": _permits(cells),
            "y": milliseconds(stats(cell.summary, key).avg for cell in cells),
            "name": words,
            "marker": {"color": colour(index)},
        }
        for index, (key, words) in enumerate(sides)
    ]
    y = axis(f"{FAMILY_NAMES[family]} (ms)", rangemode="tozero")
    return figure(traces, axis(CONCURRENCY, type="category"), y, barmode="group")


def _permits(cells: Sequence[Drawn]) -> list[int]:
    """横轴：各 cell 的并发。"""
    return [cell.summary.concurrency for cell in cells]
