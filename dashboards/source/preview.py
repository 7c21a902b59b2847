"""面板的样子：把真的查询结果照面板的种类、位置、阈值画成图；不是 Grafana 的截屏。"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

Json = dict[str, Any]
COLOURS = {"green": "#2e9e5b", "orange": "#e8912d", "red": "#d64545"}
INK, PAPER, FRAME = "#22252b", "#ffffff", "#d5d9e0"
COLUMN, LINE = 0.62, 0.36
"""网格的一格：宽与高，英寸。"""
GRID = 24
MOST_KEYS, MOST_ROWS = 8, 8


@dataclass(frozen=True, slots=True)
class Series:
    """一条序列：图例、标签、点（Unix 秒与值）。"""

    legend: str
    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]

    @property
    def last(self) -> float:
        """最后一个值。"""
        return self.points[-1][1]


def draw(panels: Sequence[tuple[Json, Sequence[Series]]], file: Path) -> None:
    """一行面板与各自的结果 → 一张 PNG；没有结果的面板写明没有。"""
    places = [panel["gridPos"] for panel, _ in panels]
    top = min(place["y"] for place in places)
    height = max(place["y"] + place["h"] for place in places) - top
    figure = Figure(figsize=(GRID * COLUMN, height * LINE), facecolor="#f3f4f6", dpi=90)
    for panel, found in panels:
        place = panel["gridPos"]
        axes = figure.add_axes(
            (
                (place["x"] + 0.9) / GRID,
                1 - (place["y"] - top + place["h"] - 1.1) / height,
                (place["w"] - 1.2) / GRID,
                (place["h"] - 2.2) / height,
            )
        )
        axes.set_facecolor(PAPER)
        axes.set_title(panel["title"], loc="left", fontsize=9, color=INK, fontweight="bold")
        axes.tick_params(labelsize=7, colors=INK)
        for spine in axes.spines.values():
            spine.set_color(FRAME)
        if found:
            _DRAWN[panel["type"]](axes, panel, found)
        else:
            axes.text(0.5, 0.5, "no data", ha="center", transform=axes.transAxes)
    figure.savefig(file, facecolor=figure.get_facecolor())


def _timeseries(axes: Axes, panel: Json, found: Sequence[Series]) -> None:
    """线：断开的地方不连；阈值画虚线。"""
    for number, series in enumerate(sorted(found, key=lambda s: s.legend)):
        times, values = _broken(series.points)
        shown = series.legend if number < MOST_KEYS else None
        axes.plot(times, values, linewidth=1.6, marker=".", markersize=3, label=shown)  # type: ignore[arg-type]
    unit = panel["fieldConfig"]["defaults"]["unit"]
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: told(value, unit)))
    locator = AutoDateLocator(maxticks=7)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.xaxis.get_offset_text().set_fontsize(7)
    axes.grid(visible=True, color="#eceef2")
    axes.set_ylim(bottom=0)
    for value, colour in _bands(panel):
        if value is not None:
            axes.axhline(value, color=COLOURS[colour], linestyle="--", linewidth=0.9)
    axes.legend(fontsize=5.5, ncols=2, loc="lower left", framealpha=0.8)


def _bargauge(axes: Axes, panel: Json, found: Sequence[Series]) -> None:
    """横条：颜色随阈值。"""
    unit = panel["fieldConfig"]["defaults"]["unit"]
    shown = sorted(found, key=lambda s: s.legend)[: 2 * MOST_ROWS]
    colours = [_colour(panel, series.last) for series in shown]
    places = range(len(shown))
    axes.barh(places, [series.last for series in shown], color=colours, height=0.72)
    axes.set_yticks([])
    axes.set_xticks([])
    axes.invert_yaxis()
    for place, series in zip(places, shown, strict=True):
        text = f"{series.legend}   {told(series.last, unit)}"
        axes.text(
            0.02, place, text, transform=axes.get_yaxis_transform(), fontsize=6.5, va="center"
        )


def _stat(axes: Axes, panel: Json, found: Sequence[Series]) -> None:
    """一格一格：底色随阈值，字随映射。"""
    defaults = panel["fieldConfig"]["defaults"]
    shown = sorted(found, key=lambda s: s.legend)[:MOST_ROWS]
    axes.set_axis_off()
    for place, series in enumerate(shown):
        words = _words(defaults.get("mappings"), series.last) or told(series.last, defaults["unit"])
        bottom = 1 - (place + 1) / len(shown)
        axes.axhspan(bottom, bottom + 0.94 / len(shown), color=_colour(panel, series.last))
        style = {"color": "white", "va": "center", "fontsize": 7}
        middle = bottom + 0.47 / len(shown)
        axes.text(0.02, middle, series.legend, transform=axes.transAxes, **style)  # type: ignore[arg-type]
        axes.text(0.98, middle, words, ha="right", transform=axes.transAxes, **style)  # type: ignore[arg-type]
    axes.set_ylim(0, 1)


def _table(axes: Axes, panel: Json, found: Sequence[Series]) -> None:
    """表：照面板所留的列；有裁决的一列上色，坏的在前。"""
    (keep,) = (t for t in panel["transformations"] if t["id"] == "filterFieldsByName")
    names = keep["options"]["include"]["names"]
    columns = [name for name in names if name != "Value"]
    mappings = _cell_words(panel)
    shown = sorted(found, key=lambda s: (s.last, s.legend))[:MOST_ROWS]
    rows = [[series.labels.get(name, "") for name in columns] for series in shown]
    if mappings:
        for row, series in zip(rows, shown, strict=True):
            row.append(_words(mappings, series.last))
    heads = [*columns, *(["verdict"] if mappings else [])]
    axes.set_axis_off()
    table = axes.table(rows, colLabels=heads, loc="upper left", cellLoc="left", edges="horizontal")
    table.auto_set_font_size(value=False)
    table.set_fontsize(6.5)
    table.auto_set_column_width(list(range(len(heads))))
    if mappings:
        for position, series in enumerate(shown):
            colour = COLOURS["green" if series.last else "red"]
            table[position + 1, len(columns)].get_text().set_color(colour)
            table[position + 1, len(columns)].get_text().set_fontweight("bold")


_DRAWN = {"timeseries": _timeseries, "bargauge": _bargauge, "stat": _stat, "table": _table}


def told(value: float, unit: str) -> str:
    """值 → 带单位的字，量级合适。"""
    if unit == "percentunit":
        return f"{value * 100:.4g} %"
    if unit == "reqps":
        return f"{value:.4g}/s"
    if unit != "s":
        return f"{value:.4g}"
    for size, name in ((86400.0, "d"), (3600.0, "h"), (60.0, "min"), (1.0, "s")):
        if abs(value) >= size:
            return f"{value / size:.3g} {name}"
    return f"{value * 1000:.3g} ms"


def _broken(points: Sequence[tuple[float, float]]) -> tuple[list[datetime], list[float]]:
    """点 → 时刻与值；隔得比常见的间隔远，就插一个空，线在那里断开。"""
    step = min((b[0] - a[0] for a, b in pairwise(points)), default=0.0)
    times: list[datetime] = []
    values: list[float] = []
    before: float | None = None
    for time, value in points:
        if before is not None and time - before > 1.5 * step:
            times.append(datetime.fromtimestamp(before, UTC))
            values.append(float("nan"))
        times.append(datetime.fromtimestamp(time, UTC))
        values.append(value)
        before = time
    return times, values


def _bands(panel: Json) -> list[tuple[float | None, str]]:
    """面板的阈值。"""
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    return [(step["value"], step["color"]) for step in steps]


def _colour(panel: Json, value: float) -> str:
    """值落在哪一带。"""
    name = "green"
    for start, colour in _bands(panel):
        if start is None or value >= start:
            name = colour
    return COLOURS[name]


def _words(mappings: Sequence[Json] | None, value: float) -> str:
    """值换成的字；没有映射为空。"""
    for mapping in mappings or ():
        found = mapping["options"].get(f"{value:g}")
        if found:
            return str(found["text"])
    return ""


def _cell_words(panel: Json) -> Sequence[Json]:
    """表里裁决一列的映射；没有那一列为空。"""
    for override in panel["fieldConfig"].get("overrides", ()):
        for change in override["properties"]:
            if change["id"] == "mappings":
                return list(change["value"])
    return ()
