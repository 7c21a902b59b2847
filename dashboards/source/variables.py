"""看板的变量：数据源、前缀、分位数，与从数据里取值的各标签。"""

from __future__ import annotations

from collections.abc import Iterator

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models.dashboard import (
    VariableModel,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from dashboards.source.panels import SOURCE
from dashboards.source.promql import PREFIX, WHERE, WHO
from rayeval.export.catalogue import QUANTILES

_LABELS = {
    "scenario": "Scenario",
    "model": "Model",
    "quant": "Quantization",
    "backend": "Backend",
    "run_type": "Run type",
    "input_len": "Input tokens",
    "output_len": "Output tokens",
    "concurrency": "Concurrency",
    "dataset": "Dataset",
}
NUMERIC = ("input_len", "output_len", "concurrency")


def variables() -> Iterator[Builder[VariableModel]]:
    """全部变量，按显示的次序：标签由宽到窄，后面的随前面的收窄。"""
    yield dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    yield (
        dashboard.TextBoxVariable("metric_prefix")
        .label("Metric prefix")
        .description("push.prefix of the configuration; may be empty")
        .default_value("")
        .current(VariableOption(text="", value=""))
    )
    for position, name in enumerate(WHO):
        yield _label_values(name, "run_info", WHO[:position])
    for position, name in enumerate(WHERE):
        yield _label_values(name, "qps", (*WHO, *WHERE[:position]))
    yield (
        dashboard.CustomVariable("quantile")
        .label("Quantile")
        .values(",".join(QUANTILES))
        .current(VariableOption(selected=True, text=["0.99"], value=["0.99"]))
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
    )


def _label_values(name: str, family: str, narrowed_by: tuple[str, ...]) -> dashboard.QueryVariable:
    """一个标签在数据里的取值；“全部”写成 .*，空的标签也算在内。"""
    chosen = ",".join(f'{label}=~"${label}"' for label in narrowed_by)
    query = f"label_values({PREFIX}{family}{{{chosen}}}, {name})"
    order = VariableSort.NUMERICAL_ASC if name in NUMERIC else VariableSort.ALPHABETICAL_ASC
    return (
        dashboard.QueryVariable(name)
        .label(_LABELS[name])
        .datasource(SOURCE)
        .query({"query": query, "refId": f"variable-{name}"})
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(order)
        .multi(multi=True)
        .include_all(include_all=True)
        .all_value(".*")
        .current(VariableOption(selected=True, text=["All"], value=["$__all"]))
    )
