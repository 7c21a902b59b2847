"""一个阶段的结果 → 标准输出上的一份 JSON 或 CSV；CSV 就是产物里的那一份。"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable
from typing import Any

from rayeval.domain.report import RunReport, ScenarioReport
from rayeval.export.accuracy_csv import accuracy_csv
from rayeval.export.functional_csv import functional_csv
from rayeval.export.functional_json import case_json, counts

FORMATS = ("json", "csv")
"""表之外的两种。"""


def results_json(report: RunReport, stage: str, code: int, folder: str, root: str) -> bytes:
    """整次运行的一个 JSON 对象：运行号、退出码、产物在哪、各阶段的结局、`stage` 的结果。

    未定义为 null；`folder` 是 report.json 所在，`root` 是产物的根，`files` 都相对于它。
    """
    [scenario] = report.scenarios
    body = {
        "run_id": report.run_id,
        "exit_code": code,
        "interrupted": report.interrupted,
        "scenario": scenario.scenario,
        "model": scenario.model,
        "stages": [
            {
                "stage": result.stage,
                "status": result.status.value,
                "seconds": result.seconds,
                "reason": result.reason,
            }
            for result in scenario.stages
        ],
        **_BODIES[stage](scenario),
        "run": folder,
        "artifacts": root,
        "files": list(scenario.artifacts),
    }
    text = json.dumps(_finite(body), ensure_ascii=True, indent=1)
    return text.encode("ascii") + b"\n"


def results_csv(report: RunReport, stage: str) -> bytes:
    """`stage` 的结果：压测一行一个 cell，功能一行一个用例，准确率一行一个基准。

    压测一个 cell 也没有测成为空：没有行就没有列。
    """
    [scenario] = report.scenarios
    return _ROWS[stage](scenario)


def _cells_csv(scenario: ScenarioReport) -> bytes:
    """acs-bench 的汇总。"""
    from rayeval.export.acs_csv import summary_csv

    return summary_csv(scenario.cells)


def _cases_csv(scenario: ScenarioReport) -> bytes:
    """全部用例。"""
    return functional_csv(scenario.cases)


def _score_csv(scenario: ScenarioReport) -> bytes:
    """分数，没有考成只有表头。"""
    return accuracy_csv([] if scenario.accuracy is None else [scenario.accuracy])


def _cells(scenario: ScenarioReport) -> dict[str, Any]:
    """各 cell，列名同 CSV。"""
    from rayeval.export.acs_csv import summary_row

    return {"cells": [summary_row(cell) for cell in scenario.cells]}


def _cases(scenario: ScenarioReport) -> dict[str, Any]:
    """计数与各用例，形状同 results.json。"""
    return {
        "counts": counts(scenario.cases, strict=False),
        "strict_counts": counts(scenario.cases, strict=True),
        "cases": [case_json(case) for case in scenario.cases],
    }


def _score(scenario: ScenarioReport) -> dict[str, Any]:
    """分数、区间与其余；没有考成为 null。"""
    score = scenario.accuracy
    if score is None:
        return {"accuracy": None}
    body = dataclasses.asdict(score)
    pairs = {name: dict(body[name]) for name in ("errors", "outcomes")}
    return {"accuracy": {**body, **pairs, "ok": score.ok}}


def _finite(value: Any) -> Any:
    """JSON 没有 NaN 与无穷：都写成 null。"""
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


Body = Callable[[ScenarioReport], dict[str, Any]]
Rows = Callable[[ScenarioReport], bytes]
_BODIES: dict[str, Body] = {"perf": _cells, "functional": _cases, "accuracy": _score}
_ROWS: dict[str, Rows] = {"perf": _cells_csv, "functional": _cases_csv, "accuracy": _score_csv}
