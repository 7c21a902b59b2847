"""随时间的图：上是许可与在途，中是 TTFT，有失败才有下面的各类失败。"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rayeval.export.page.cells import Drawn
from rayeval.export.page.curves import Timeline
from rayeval.export.page.figure import Figure, Trace, axis, both, colour, figure, line, plain
from rayeval.export.page.slot import Select, Slot

_TWO_PX, _THREE_PX = 420, 520
_RED = 7


def time_slot(name: str, cells: Sequence[Drawn]) -> Slot:
    """一个场景随时间的样子，选 cell；并发最高的先看。没有原始行就没有图。"""
    timed = [(cell, cell.over_time) for cell in cells if cell.over_time is not None]
    timed.sort(key=lambda pair: -pair[0].summary.concurrency)
    options = tuple((cell.summary.id, cell.summary.id) for cell, _ in timed)
    return Slot(
        f"{name}-time",
        both("Over time: permits, in flight, TTFT, failures", "随时间：许可、在途、TTFT、失败"),
        {cell.summary.id: _over_time(found) for cell, found in timed},
        (Select(both("Cell", "cell"), options),),
        both(
            "Seconds since the cell's zero; epochs start at the same zero and lie on top of each "
            "other.",
            "自 cell 的零点起的秒；各 epoch 从同一个零点起，叠在一起。",
        ),
        wide=True,
    )


def _over_time(found: Timeline) -> Figure:
    """一个 cell。"""
    at, permits = found.permits
    traces = _in_flight(found)
    if at:
        stair = {"shape": "hv", "dash": "dash", "width": 2}
        traces.append(line(at, permits, both("permits", "许可"), 1, line=stair))
    traces += [
        line(found.middles, found.ttft_p50, "TTFT P50", 2, yaxis="y2", connectgaps=True),
        line(found.middles, found.ttft_p99, "TTFT P99", 3, yaxis="y2", connectgaps=True),
    ]
    traces += [
        {
            "type": "bar",
            "x": found.middles,
            "y": counts,
            "name": plain(kind),
            "yaxis": "y3",
            "marker": {"color": colour(_RED - index)},
        }
        for index, (kind, counts) in enumerate(found.errors.items())
    ]
    panels = _panels(found)
    lowest = "y3" if found.errors else "y2"
    return figure(traces, axis(both("seconds", "秒"), anchor=lowest), panels.pop("y"), **panels)


def _in_flight(found: Timeline) -> list[Trace]:
    """在途，一遍一条线，图例里只占一格。"""
    many = len(found.in_flight) > 1
    name = both("in flight, each epoch", "在途，逐遍") if many else both("in flight", "在途")
    thin = {"width": 1.2}
    return [
        line(found.instants, counts, name, 0, line=thin, showlegend=not index, legendgroup="held")
        for index, counts in enumerate(found.in_flight.values())
    ]


def _panels(found: Timeline) -> dict[str, Any]:
    """上下几格各占多少；横轴在最下面一格。"""
    three = bool(found.errors)
    top, middle = ([0.68, 1.0], [0.3, 0.62]) if three else ([0.55, 1.0], [0.0, 0.45])
    panels: dict[str, Any] = {
        "y": axis(both("in flight", "在途"), domain=top, rangemode="tozero"),
        "yaxis2": axis("TTFT (ms)", domain=middle, rangemode="tozero"),
        "barmode": "stack",
        "bargap": 0,
        "height": _THREE_PX if three else _TWO_PX,
    }
    if three:
        words = both("failures", "失败")
        panels["yaxis3"] = axis(words, domain=[0.0, 0.24], rangemode="tozero")
    return panels
