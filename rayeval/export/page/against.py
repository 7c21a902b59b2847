"""对着并发画的图：吞吐、延迟、服务端与客户端。"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rayeval.domain.report import NO_STATS, CellSummary
from rayeval.export.page.cells import Drawn
from rayeval.export.page.families import (
    CONCURRENCY,
    DOTTED,
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
SERVER_SIDE = {
    "ttft": ("ttft", "server_ttft"),
    "tpot": ("tpot", "server_tpot"),
    "e2e": ("e2e", "server_e2e"),
    "queue": ("client_queue", "server_queue"),
}
"""选项 → 客户端测到的一族，与服务自述的同一族。"""
SIDE_NAMES = FAMILY_NAMES | {"queue": both("queueing", "排队")}


def rate_slot(name: str, cells: Sequence[Drawn]) -> Slot:
    """吞吐：一组长度一条线，基线是点线。"""
    shown = [rate for rate in RATES if any(rate[2](cell.summary) is not None for cell in cells)]
    return Slot(
        f"{name}-rate",
        both("Throughput against concurrency", "吞吐对并发"),
        {key: _rate(cells, of, words) for key, words, of in shown},
        (Select(METRIC, tuple((key, words) for key, words, _ in shown)),),
        both(*DOTTED) if any(cell.base is not None for cell in cells) else "",
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
    told = [option for option in SERVER_SIDE if any(_told(cell.summary, option) for cell in cells)]
    return Slot(
        f"{name}-server",
        both("Server side beside client side", "服务端与客户端"),
        {
            f"{lengths}|{option}": _sides(group, option)
            for lengths, group in by_lengths(cells).items()
            for option in told
        },
        (lengths_select(cells), Select(METRIC, tuple((one, SIDE_NAMES[one]) for one in told))),
        both(
            "Averages. What the client sees more is network, queue and proxy; /metrics counts the "
            "warm-up, too.",
            "均值。客户端多出来的是网络、排队与代理；/metrics 把预热也算在内。",
        ),
        wide=True,
    )


def _told(summary: CellSummary, option: str) -> tuple[float | None, ...] | None:
    """服务说了什么：（随每个回答说的，/metrics 说的）的均值，秒；都没说则为 None。"""
    key = SERVER_SIDE[option][1]
    scraped = summary.server.stats if summary.server is not None else {}
    found = stats(summary, key).avg, scraped.get(key, NO_STATS).avg
    return None if found == (None, None) else found


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
            more = {"line": {"dash": "dot"}, "legendgroup": lengths, "showlegend": False}
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


def _sides(cells: Sequence[Drawn], option: str) -> Figure:
    """一族延迟的均值：客户端的、服务随每个回答说的、/metrics 说的；没说的不画。"""
    told = [_told(cell.summary, option) or (None, None) for cell in cells]
    mine = SERVER_SIDE[option][0]
    sides: tuple[tuple[Words, list[float | None]], ...] = (
        (both("client", "客户端"), [stats(cell.summary, mine).avg for cell in cells]),
        (both("server, in each reply", "服务端，随每个回答"), [reply for reply, _ in told]),
        (both("server, /metrics", "服务端，/metrics"), [scraped for _, scraped in told]),
    )
    traces: list[Trace] = [
        {
            "type": "bar",
            "x": _permits(cells),
            "y": milliseconds(values),
            "name": words,
            "marker": {"color": colour(index)},
        }
        for index, (words, values) in enumerate(sides)
        if any(value is not None for value in values)
    ]
    name = SIDE_NAMES[option]
    title = f"{name} (ms)" if isinstance(name, str) else {k: f"{v} (ms)" for k, v in name.items()}
    y = axis(title, rangemode="tozero")
    return figure(traces, axis(CONCURRENCY, type="category"), y, barmode="group")


def _permits(cells: Sequence[Drawn]) -> list[int]:
    """横轴：各 cell 的并发。"""
    return [cell.summary.concurrency for cell in cells]
