"""准确率的图：分数与 95 % 区间，总的、宽松读法的、基线的、各领域的。"""

from __future__ import annotations

from collections.abc import Sequence

from rayeval.domain.accuracy import Accuracy
from rayeval.export.page.curves import rounded
from rayeval.export.page.figure import Trace, Words, axis, both, colour, figure, plain
from rayeval.export.page.slot import Slot

_ROW_PX = 30
_AROUND_PX = 130
Row = tuple[str, float, float, float]
"""（名字，分数，区间的两端）。"""


def accuracy_slot(name: str, now: Accuracy, base: Accuracy | None) -> Slot:
    """一个场景的分数；`base` 是基线的同一场考试。"""
    mine, theirs = _rows(now), _rows(base) if base is not None else []
    traces = [_trace(mine, both("this run", "本次"), 0, "circle")]
    if theirs:
        traces.append(_trace(theirs, both("baseline", "基线"), 9, "circle-open"))
    order = [row[0] for row in mine]
    shapes = []
    if now.min_score is not None:
        style = {"color": "#ef4444", "width": 1, "dash": "dash"}
        ends = {"x0": now.min_score, "x1": now.min_score, "y0": 0, "y1": 1}
        shapes.append({"type": "line", "yref": "paper", "line": style} | ends)
    made = figure(
        traces,
        axis(both("score", "分数"), range=[0, 1.02]),
        {"type": "category", "categoryarray": order[::-1], "automargin": True},
        shapes=shapes,
        height=_AROUND_PX + _ROW_PX * len(order),
    )
    note = both(
        "95 % intervals, clustered by question. Dashed: the minimum.",
        "95 % 区间，按原题聚类。虚线是最低分。",
    )
    return Slot(
        f"{name}-accuracy", both("Score with interval", "分数与区间"), {"": made}, note=note
    )


def _rows(score: Accuracy) -> list[Row]:
    """总的与各领域的。"""
    whole = (plain(score.dataset_name), score.score, score.low, score.high)
    return [whole, *((plain(d.name), d.score, d.low, d.high) for d in score.domains)]


def _trace(rows: Sequence[Row], name: Words, index: int, symbol: str) -> Trace:
    """一串带区间的点；空心的画在实心的外面，两边相同时都看得见。"""
    size = 10 if symbol == "circle" else 16
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": rounded(score for _, score, _, _ in rows),
        "y": [label for label, *_ in rows],
        "marker": {"size": size, "symbol": symbol, "color": colour(index)},
        "error_x": {
            "type": "data",
            "symmetric": False,
            "array": rounded(high - score for _, score, _, high in rows),
            "arrayminus": rounded(score - low for _, score, low, _ in rows),
            "thickness": 1.5,
            "color": colour(index),
        },
    }
