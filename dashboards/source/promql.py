"""PromQL 的拼法：指标名一律查目录，拼错的名字在造看板时就露馅。"""

from __future__ import annotations

from rayeval.export.catalogue import CATALOGUE, IDENTITY

PREFIX = "${metric_prefix}"
WINDOW = "26h"
"""“今天”是至多 26 小时前的最后一个值：一天一次，容它晚两个小时。"""
WHO = ("scenario", "model", "quant", "backend", "run_type")
WHERE = ("input_len", "output_len", "concurrency", "dataset")
_FILTERED = {*WHO, *WHERE, "quantile"}


def metric(name: str, *, prefix: str = PREFIX, suffix: str = "", more: str = "") -> str:
    """一族的选择器，带上看板变量对它的标签的筛选；`name` 不在目录里抛 KeyError。"""
    family = CATALOGUE[name]
    labels = [label for label in (*IDENTITY, *family.labels) if label in _FILTERED]
    if family.kind == "summary" and not suffix:
        labels.append("quantile")
    matchers = [f'{label}=~"${label}"' for label in labels]
    return f"{prefix}{name}{suffix}{{{','.join([*matchers, *([more] if more else [])])}}}"


def latest(selector: str, offset: str = "", window: str = WINDOW) -> str:
    """窗口里的最后一个值；`offset` 如 1d、7d。"""
    shift = f" offset {offset}" if offset else ""
    return f"last_over_time({selector}[{window}]{shift})"


def ratio(selector: str, offset: str) -> str:
    """今天与 `offset` 之前之比；那时为 0 的没有比。"""
    return f"{latest(selector)} / ({latest(selector, offset)} > 0)"


def legend(*labels: str, text: str = "") -> str:
    """图例：场景在前，然后是点名的标签。"""
    words = ["{{scenario}}", *(f"{{{{{label}}}}}" for label in labels), *([text] if text else [])]
    return " ".join(words)


def cell_legend(*, quantile: bool = False, text: str = "") -> str:
    """一个 cell 的图例，如 `demo 128/32 c4 random p0.99`。"""
    parts = ["{{scenario}} {{input_len}}/{{output_len}} c{{concurrency}}"]
    parts += ["p{{quantile}}"] if quantile else []
    return " ".join([*parts, *([text] if text else [])])
