"""入库的看板：它的面板、变量、代入，与每个面板此刻的结果。"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from dashboards.source.preview import Series
from tests.real import days, stack
from tests.real.observed import Observed

HOME = Path(__file__).parents[2] / "dashboards"
BOARD = json.loads((HOME / "grafana" / "rayeval.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
FILTERS = [v["name"] for v in BOARD["templating"]["list"] if v["type"] == "query"]
STEP_S = 6 * days.HOUR


def filled(text: str, prefix: str, **chosen: str) -> str:
    """Grafana 的代入：没选的是全部（.*），多选写成正则的“或”。"""
    values = dict.fromkeys([*FILTERS, "quantile"], ".*") | chosen
    text = text.replace("${metric_prefix}", prefix)
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], text)


def panel_rows() -> dict[str, list[dict[str, Any]]]:
    """各行的面板，按行的标题。"""
    rows: dict[str, list[dict[str, Any]]] = {}
    for panel in BOARD["panels"]:
        if panel["type"] == "row":
            title = panel["title"]
        else:
            rows.setdefault(title, []).append(panel)
    return rows


def results(observed: Observed, panel: dict[str, Any], now: float) -> list[Series]:
    """一个面板的全部序列：线要十天，别的只要此刻；分位数取 0.99。"""
    span = 10 * days.DAY if panel["type"] == "timeseries" else 0.0
    found = []
    for target in panel["targets"]:
        expr = filled(target["expr"], "", quantile="0.99")
        for entry in stack.query_range(observed.prometheus, expr, now, span, STEP_S):
            labels = entry["metric"]
            words = re.split(r"{{(\w+)}}", target["legendFormat"])
            words[1::2] = [labels.get(name, "") for name in words[1::2]]
            points = [(time, float(value)) for time, value in entry["values"]]
            found.append(Series("".join(words), labels, points))
    return found
