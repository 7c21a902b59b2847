"""RunSpec → 给人看的：去密的 YAML、摘要、计划表。"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from rayeval.config.environment import redact
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.run import RunSpec, ScenarioPlan


@dataclass(frozen=True, slots=True)
class PlanRow:
    """计划表的一行；没有的阶段计数为 0。

    `requests` 是测量请求数（不含预热），`warmup_requests` 是预热，`output_tokens` 是测量请求
    至多生成的 token；
    `accuracy_items` 是题次（题数 × 遍数），数据集还不在手边时为 None。
    """

    scenario: str
    mode: str
    optional: bool
    stages: tuple[str, ...]
    suites: tuple[str, ...]
    cells: int
    requests: int
    warmup_requests: int
    output_tokens: int
    accuracy_items: int | None


def plan_rows(spec: RunSpec) -> list[PlanRow]:
    """一次运行会做什么，一个场景一行。"""
    return [_row(plan) for plan in spec.plans]


def resolved_yaml(spec: RunSpec) -> str:
    """代入、补全之后的全部配置，密钥一律写成 `**********`。"""
    text: str = yaml.safe_dump(_redacted(spec), sort_keys=False, allow_unicode=True, width=100)
    return text


def digest(spec: RunSpec) -> str:
    """去密内容的 sha256；与运行编号、基线、推送到哪、配置目录放在哪里、密钥是什么都无关。"""
    content = _redacted(spec)
    for name in ("run_id", "config_digest", "baseline", "push"):
        del content[name]
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    folder = json.dumps(spec.config_dir, ensure_ascii=False)[1:-1]
    return hashlib.sha256(text.replace(folder, "{config_dir}").encode()).hexdigest()


def _redacted(spec: RunSpec) -> dict[str, Any]:
    """RunSpec 的 JSON 形状，密钥已盖住。"""
    keys = [plan.scenario.provider.api_key for plan in spec.plans]
    secrets = [key.get_secret_value() for key in keys if key is not None]
    secrets += spec.push.secrets
    content: dict[str, Any] = redact(spec.model_dump(mode="json"), secrets)
    return content


def _row(plan: ScenarioPlan) -> PlanRow:
    """一个场景的一行。"""
    perf, functional, accuracy = plan.perf, plan.functional, plan.accuracy
    cells = perf.cells() if perf else ()
    epochs, warmup = (perf.epochs, perf.warmup) if perf else (0, 0)
    return PlanRow(
        scenario=plan.scenario.id,
        mode=plan.scenario.mode.value,
        optional=plan.optional,
        stages=plan.planned,
        suites=functional.suites if functional else (),
        cells=len(cells),
        requests=epochs * sum(cell.num_requests for cell in cells),
        warmup_requests=len(cells) * epochs * warmup,
        output_tokens=epochs * sum(cell.num_requests * cell.output_length for cell in cells),
        accuracy_items=_items(accuracy) if accuracy else 0,
    )


def _items(spec: AccuracySpec) -> int | None:
    """题次；不抽样时数数据集的行，数不了、文件不在则为 None。"""
    remote = not spec.dataset or "://" in spec.dataset
    if spec.num_examples is not None and (remote or Path(spec.dataset).is_file()):
        return spec.num_examples * spec.n_repeats
    if remote:
        return None
    try:
        with Path(spec.dataset).open(encoding="utf-8-sig", newline="") as file:
            return (sum(1 for row in csv.reader(file) if row) - 1) * spec.n_repeats
    except (OSError, UnicodeDecodeError, csv.Error):
        return None
