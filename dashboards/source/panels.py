"""面板的样式：几种面板各一个函数，都从一串 Query 造起。"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.models import common as kinds
from grafana_foundation_sdk.models import dashboard as shapes
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = shapes.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, ORANGE, RED, BLUE = "green", "orange", "red", "blue"
HALF, THIRD, QUARTER, WHOLE = 12, 8, 6, 24

Bands = Sequence[tuple[float | None, str]]
"""阈值的带：从哪个值起是什么颜色；None 是最低的一带。"""
PASS_FAIL: Bands = ((None, RED), (1, GREEN))
SLOWER: Bands = ((None, GREEN), (1.05, ORANGE), (1.10, RED))
"""延迟与基线之比：门禁的 10 % 是红线。"""
FEWER: Bands = ((None, RED), (0.95, ORANGE), (0.98, GREEN))
"""吞吐与基线之比：门禁的 5 % 是红线。"""
FAILING: Bands = ((None, GREEN), (0.01, ORANGE), (0.05, RED))
LATE: Bands = ((None, GREEN), (26 * 3600, ORANGE), (36 * 3600, RED))


@dataclass(frozen=True, slots=True)
class Query:
    """一个查询：PromQL 与图例。"""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Look:
    """面板的长相：单位、宽、阈值、说明。"""

    unit: str = "s"
    width: int = HALF
    height: int = 8
    bands: Bands = ()
    note: str = ""
    top: float | None = None


Panel = timeseries.Panel | stat.Panel | table.Panel | bargauge.Panel
P = TypeVar("P", timeseries.Panel, stat.Panel, table.Panel, bargauge.Panel)


def lines(title: str, queries: Sequence[Query], look: Look) -> timeseries.Panel:
    """随时间的线；有阈值的画成虚线与底色。"""
    panel = _dressed(timeseries.Panel(), title, look)
    panel.line_width(2).fill_opacity(0).show_points(kinds.VisibilityMode.AUTO).span_nulls(
        span_nulls=3_600_000
    )
    panel.legend(
        common.VizLegendOptions()
        .display_mode(kinds.LegendDisplayMode.TABLE)
        .placement(kinds.LegendPlacement.BOTTOM)
        .show_legend(show_legend=True)
        .calcs(["lastNotNull"])
    )
    panel.axis_soft_min(0)
    if look.bands:
        style = common.GraphThresholdsStyleConfig().mode(
            kinds.GraphThresholdsStyleMode.DASHED_AND_AREA
        )
        panel.thresholds_style(style)
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).range())
    return panel


def bars(title: str, queries: Sequence[Query], look: Look) -> bargauge.Panel:
    """此刻的值，一条一条，颜色随阈值。"""
    panel = _dressed(bargauge.Panel(), title, look)
    panel.display_mode(kinds.BarGaugeDisplayMode.BASIC)
    panel.orientation(kinds.VizOrientation.HORIZONTAL).reduce_options(_last())
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).instant())
    return panel


def tiles(
    title: str, queries: Sequence[Query], look: Look, words: dict[str, tuple[str, str]]
) -> stat.Panel:
    """此刻的值，一格一格；`words` 把值换成字与颜色。"""
    panel = _dressed(stat.Panel(), title, look)
    panel.color_mode(kinds.BigValueColorMode.BACKGROUND).graph_mode(kinds.BigValueGraphMode.NONE)
    panel.reduce_options(_last()).text_mode(kinds.BigValueTextMode.VALUE_AND_NAME)
    if words:
        panel.mappings([_mapping(words)])
    for index, query in enumerate(queries):
        panel.with_target(_target(query, index).instant())
    return panel


def rows(
    title: str, query: Query, look: Look, columns: Sequence[str], words: dict[str, tuple[str, str]]
) -> table.Panel:
    """此刻的各序列，一行一条；只留 `columns`（与值，若有 `words`），次序照写。"""
    panel = _dressed(table.Panel(), title, look)
    panel.filterable(filterable=True)
    panel.with_target(_target(query, 0).instant().format(PromQueryFormat.TABLE))
    shown = [*columns, *(["Value"] if words else [])]
    order = {name: position for position, name in enumerate(shown)}
    keep = shapes.DataTransformerConfig(
        id_val="filterFieldsByName", options={"include": {"names": shown}}
    )
    arrange = shapes.DataTransformerConfig(
        id_val="organize", options={"indexByName": order, "renameByName": {"Value": "verdict"}}
    )
    panel.with_transformation(keep).with_transformation(arrange)
    if words:
        panel.override_by_name(
            "verdict",
            [
                shapes.DynamicConfigValue(id_val="mappings", value=[_mapping(words)]),
                shapes.DynamicConfigValue(
                    id_val="custom.cellOptions", value={"type": "color-background"}
                ),
            ],
        )
        panel.sort_by([common.TableSortByFieldState().display_name("verdict").desc(desc=False)])
    return panel


def _dressed(panel: P, title: str, look: Look) -> P:
    """标题、数据源、大小、单位、阈值。"""
    panel.title(title).description(look.note).datasource(SOURCE).unit(look.unit)
    panel.span(look.width).height(look.height).min(0)
    if look.top is not None:
        panel.max(look.top)
    steps = [shapes.Threshold(value=value, color=color) for value, color in look.bands]
    panel.thresholds(
        dashboard.ThresholdsConfig()
        .mode(shapes.ThresholdsMode.ABSOLUTE)
        .steps(steps or [shapes.Threshold(value=None, color=GREEN)])
    )
    return panel


def _target(query: Query, index: int) -> prometheus.Dataquery:
    """一个查询。"""
    return (
        prometheus.Dataquery()
        .expr(query.expr)
        .legend_format(query.legend)
        .ref_id(chr(ord("A") + index))
        .datasource(SOURCE)
    )


def _last() -> common.ReduceDataOptions:
    """每条序列取最后一个值。"""
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _mapping(words: dict[str, tuple[str, str]]) -> shapes.ValueMap:
    """值 → 字与颜色。"""
    return shapes.ValueMap(
        options={
            value: shapes.ValueMappingResult(text=text, color=color, index=index)
            for index, (value, (text, color)) in enumerate(words.items())
        }
    )
