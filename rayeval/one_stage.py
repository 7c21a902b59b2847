"""一个阶段对一个已在跑的服务：没有 YAML，其余与任何一次运行一样。

每个阶段一个 `*_job`，计划里换一个字段。
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from rayeval.accuracy_flags import found_answers, newest_partial
from rayeval.app import Manner, carry_out, new_run_id
from rayeval.config.present import digest
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.perf import PerfSpec
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.domain.verdict import GateSpec
from rayeval.errors import CancelledRun
from rayeval.functional.selection import require_selected
from rayeval.one_service import ServiceFlags, external_scenario

NO_GATE = GateSpec(max_fail_ratio=1.0, missing_baseline="ignore")
"""没有点名基线就不设门禁：只有没测成、或一个成功都没有的 cell 才算失败。"""


def perf_job(
    service: ServiceFlags, spec: PerfSpec, manner: Manner, baseline: Path | None, console: Console
) -> int:
    """压一个地址，返回退出码；开关的错在发出任何测量请求之前就抛出。"""
    local = manner.address in {"inline", "local"}
    scenario = external_scenario(service, os.environ, probe=local)
    return _run(ScenarioPlan(scenario=scenario, perf=spec), "perf", manner, baseline, console)


def functional_job(
    service: ServiceFlags,
    features: Mapping[str, bool],
    spec: FunctionalSpec,
    manner: Manner,
    *,
    gate: GateSpec,
    baseline: Path | None,
    console: Console,
) -> int:
    """功能测试一个地址，返回退出码；`gate` 说按哪种判法。"""
    require_selected(spec)
    local = manner.address in {"inline", "local"}
    scenario = external_scenario(service, os.environ, probe=local)
    scenario = scenario.model_copy(update={"features": dict(features)})
    plan = ScenarioPlan(scenario=scenario, functional=spec)
    return _run(plan, "functional", manner, baseline, console, gate=gate)


def accuracy_job(
    service: ServiceFlags,
    spec: AccuracySpec,
    manner: Manner,
    *,
    baseline: Path | None,
    resume: str | None,
    console: Console,
) -> int:
    """考一个地址，返回退出码；`resume` 是中断的那次的运行号，或它的作答文件。"""
    local = manner.address in {"inline", "local"}
    scenario = external_scenario(service, os.environ, probe=local)
    answers = None if resume is None else found_answers(resume, manner.artifacts, scenario.id)
    plan = ScenarioPlan(scenario=scenario, accuracy=spec, resume_answers=answers)
    code = _run(plan, "accuracy", manner, baseline, console)
    if code == CancelledRun.exit_code and not manner.as_json:
        for stamp in newest_partial(manner.artifacts, scenario.id):
            console.print(f"the answers so far are kept; go on with --resume {stamp}")
    return code


def _run(
    plan: ScenarioPlan,
    stage: str,
    manner: Manner,
    baseline: Path | None,
    console: Console,
    *,
    gate: GateSpec | None = None,
) -> int:
    """只有一个计划的运行；`run_type` 是阶段的名字，所以它不会被当作每日基线。"""
    spec = RunSpec(
        run_id=new_run_id(),
        run_type=stage,
        config_dir=str(Path.cwd()),
        config_digest="",
        plans=(plan,),
        gate=gate or (NO_GATE if baseline is None else GateSpec()),
        baseline=None if baseline is None else str(baseline),
    )
    spec = spec.model_copy(update={"config_digest": digest(spec)})
    return carry_out(spec, manner, console)
