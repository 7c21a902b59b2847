"""延迟分布的图：选长度与指标，一个并发一条线，基线同色的点线。"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rayeval.export.page.cells import Drawn
from rayeval.export.page.curves import Curve
from rayeval.export.page.families import (
    DOTTED,
    FAMILY_NAMES,
    by_lengths,
    family_select,
    lengths_select,
)
from rayeval.export.page.figure import Figure, Trace, axis, both, figure, line
from rayeval.export.page.samples import FAMILIES
from rayeval.export.page.slot import Slot

LONG_TAIL = 10
"""最大值超过中位数这么多倍时，横轴用对数。"""


def distribution_slot(name: str, cells: Sequence[Drawn]) -> Slot:
    """一个场景的延迟分布；没有原始行就没有图。"""
    families = [family for family in FAMILIES if any(family in cell.now for cell in cells)]
    figures = {
        f"{lengths}|{family}": _distributions(group, family)
        for lengths, group in by_lengths(cells).items()
        for family in families
        if any(family in cell.now for cell in group)
    }
    dotted = DOTTED if any(cell.then for cell in cells) else ("", "")
    return Slot(
        f"{name}-cdf",
        both("Latency distribution", "延迟分布"),
        figures,
        (lengths_select(cells), family_select(families)),
        both(
            f"The share of requests (of gaps, for ITL) that were at least this fast. {dotted[0]}",
            f"至少这么快的请求（ITL 是间隔）所占的份额。{dotted[1]}",
        ),
        wide=True,
    )


def _distributions(cells: Iterable[Drawn], family: str) -> Figure:
    """一组长度、一族延迟的分布。"""
    traces: list[Trace] = []
    tail = False
    for index, cell in enumerate(cells):
        who = f"c{cell.summary.concurrency}"
        if family in cell.now:
            curve = cell.now[family]
            tail = tail or _is_long(curve)
            traces.append(line(curve.x, curve.y, who, index, legendgroup=who))
        if family in cell.then:
            curve = cell.then[family]
            words = both(f"{who} baseline", f"{who} 基线")
            hidden = {"legendgroup": who, "showlegend": False}
            style = {"dash": "dot", "width": 1.5}
            traces.append(line(curve.x, curve.y, words, index, line=style, **hidden))
    x = axis(f"{FAMILY_NAMES[family]} (ms)", **({"type": "log"} if tail else {}))
    y = axis(both("share (%)", "份额（%）"), range=[0, 101])
    return figure(traces, x, y)


def _is_long(curve: Curve) -> bool:
    """尾巴是否长得线性轴看不清。"""
    middle, last = curve.x[len(curve.x) // 2], curve.x[-1]
    return bool(middle and last and middle > 0 and last / middle > LONG_TAIL)
