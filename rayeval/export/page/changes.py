"""变了什么：与基线比过的数，一张图、一张表。"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rayeval.domain.verdict import Finding, Verdict
from rayeval.export.comparison import METRICS, compared
from rayeval.export.page.curves import rounded
from rayeval.export.page.figure import Trace, axis, both, figure, plain
from rayeval.export.page.slot import Slot

SHOWN = {"ttft_p99": "TTFT P99", "e2e_p99": "E2E P99", "qps": "QPS"}
"""画在图上的规则，与图例里的名字。"""
_SYMBOLS = {"ttft_p99": "circle", "e2e_p99": "diamond", "qps": "square"}
_TONES = {"broken": "#ef4444", "doubtful": "#eab308", "improved": "#3b82f6", "passed": "#10b981"}
_GREY = "#a8a29e"
MOST_ROWS = 60
"""图上至多这么多个 cell，变差最多的在上。"""
_ROW_PX = 22
_AROUND_PX = 150


def changes_slot(verdict: Verdict) -> Slot | None:
    """相对基线的变化，一个 cell 一行，右边是变差；没有比过则为 None。"""
    found = [f for f in compared(verdict) if f.rule in SHOWN and _worse(f, f.change) is not None]
    if not found:
        return None
    many = len({finding.scenario for finding in found}) > 1
    order = _order(found, many=many)
    traces = [_trace(rule, found, order, many=many) for rule in SHOWN]
    traces = [trace for trace in traces if trace["x"]]
    traces += [_legend(rule) for rule in SHOWN if any(f.rule == rule for f in found)]
    limits = sorted({f.threshold * 100 for f in found if f.threshold is not None})
    x = axis(
        both("change (%); right is worse", "变化（%）；右边是变差"),
        zeroline=True,
        rangemode="tozero",
    )
    y: dict[str, Any] = {"type": "category", "categoryarray": order[::-1], "automargin": True}
    made = figure(
        traces,
        x,
        y,
        shapes=[_limit(limit) for limit in limits],
        height=_AROUND_PX + _ROW_PX * len(order),
    )
    return Slot(
        "changes",
        both("Each cell against the baseline", "各 cell 相对基线的变化"),
        {"": made},
        note=both(
            "Dashed: the limits. Bars: the bootstrap interval, where one was computed. Colour: "
            "red beyond a limit, blue better, green within, yellow without enough evidence, grey "
            "not judged.",
            "虚线是限。横杠是自助法区间（算过才有）。红是越限，蓝是变好，绿在限内，黄是证据不足，"
            "灰是不判。",
        ),
    )


def change_rows(verdict: Verdict) -> list[tuple[Finding, str]]:
    """比过的数与它的指标名，按报告的次序；坏的在前。"""
    rank = {"broken": 0, "doubtful": 1, "incomparable": 2, "improved": 3}
    found = sorted(compared(verdict), key=lambda f: rank.get(f.kind, 9))
    return [(finding, METRICS[finding.rule]) for finding in found if finding.base is not None]


def _order(found: Sequence[Finding], *, many: bool) -> list[str]:
    """图上的行，变差最多的在前。"""
    worst: dict[str, float] = {}
    for finding in found:
        name, worse = _row(finding, many=many), _worse(finding, finding.change) or 0.0
        worst[name] = max(worst.get(name, -math.inf), worse)
    return sorted(worst, key=lambda name: -worst[name])[:MOST_ROWS]


def _trace(rule: str, found: Sequence[Finding], order: list[str], *, many: bool) -> Trace:
    """一条规则的点，带区间。"""
    mine = [f for f in found if f.rule == rule and _row(f, many=many) in order]
    at = [_worse(f, f.change) or 0.0 for f in mine]
    ends = [sorted(_worse(f, end) or 0.0 for end in (f.low, f.high)) for f in mine]
    known = [f.low is not None and f.high is not None for f in mine]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": SHOWN[rule],
        "showlegend": False,
        "x": rounded(at),
        "y": [_row(f, many=many) for f in mine],
        "marker": {
            "symbol": _SYMBOLS[rule],
            "size": 10,
            "color": [_TONES.get(f.kind, _GREY) for f in mine],
        },
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": rounded(e[1] - x if k else 0 for e, x, k in zip(ends, at, known, strict=True)),
            "arrayminus": rounded(
                x - e[0] if k else 0 for e, x, k in zip(ends, at, known, strict=True)
            ),
            "thickness": 1,
            "width": 3,
            "color": _GREY,
        },
    }


def _legend(rule: str) -> Trace:
    """图例里的一格：点的颜色各有各的，图例用灰的。"""
    marker = {"symbol": _SYMBOLS[rule], "size": 10, "color": _GREY}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": SHOWN[rule],
        "x": [None],
        "y": [None],
        "marker": marker,
    }


def _worse(finding: Finding, change: float | None) -> float | None:
    """变差了多少，百分数：QPS 是下降，延迟是上升。"""
    if change is None or not math.isfinite(change):
        return None
    return (-change if finding.rule == "qps" else change) * 100


def _row(finding: Finding, *, many: bool) -> str:
    """行的名字；只有一个场景就不写场景。"""
    return plain(f"{finding.scenario} {finding.where}" if many else finding.where)


def _limit(percent: float) -> dict[str, Any]:
    """一条限。"""
    style = {"color": "#ef4444", "width": 1, "dash": "dash"}
    ends = {"x0": percent, "x1": percent, "y0": 0, "y1": 1}
    return {"type": "line", "yref": "paper", "line": style} | ends
