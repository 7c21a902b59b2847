"""一次运行：散出场景，折叠事件，边来边写，最后是一份报告。"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from rayeval.domain.events import Event
from rayeval.domain.report import RunReport
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.domain.verdict import GateSpec
from rayeval.export.files import Artifacts
from rayeval.pipeline.executor import Crash, Emission, Executor, Kind, Profile
from rayeval.pipeline.fold import Fold
from rayeval.pipeline.record import Recorder, event_line
from rayeval.pipeline.scenario import ScenarioTask, resources, run_scenario
from rayeval.pipeline.stage import Yardstick

Watch = Callable[[str, Event | Crash | None], None]
"""旁观者：场景名，与它的事件、崩溃，或结束（None）。"""


@dataclass(frozen=True, slots=True)
class Provenance:
    """这次运行的来历：版本、git。"""

    versions: dict[str, str]
    git: dict[str, str]


def run(
    spec: RunSpec,
    executor: Executor,
    artifacts: Artifacts,
    provenance: Provenance,
    watch: Watch,
    *,
    parallel: int | None = None,
    baseline: RunReport | None = None,
) -> RunReport:
    """跑完全部场景。中断（KeyboardInterrupt）时先让各场景收场，仍给出已有的报告。

    `parallel` 是同时跑的场景数，默认为节点数：同一台机器上的测量从不互相打扰。
    `baseline` 只用来看哪些 cell 越了界、该复测；裁决不在这里。
    """
    started = _now()
    folds = [Fold(plan) for plan in spec.plans]
    recorders = [Recorder(plan, artifacts) for plan in spec.plans]
    interrupted = False
    try:
        with closing(
            _emissions(spec, executor, parallel or executor.nodes(), baseline)
        ) as emissions:
            for emission in emissions:
                index = emission.index
                _take(emission, folds[index], recorders[index], artifacts, watch)
    except KeyboardInterrupt:
        interrupted = True
    for fold, recorder in zip(folds, recorders, strict=True):
        if interrupted and not _settled(fold):
            fold.attach(*recorder.close())
            fold.crash(Crash("cancelled", "interrupted"))
    return RunReport(
        run_id=spec.run_id,
        run_type=spec.run_type,
        started_at=started,
        finished_at=_now(),
        config_digest=spec.config_digest,
        versions=provenance.versions,
        git=provenance.git,
        scenarios=tuple(fold.report for fold in folds),
        interrupted=interrupted,
        narrowed=spec.narrowed,
    )


def _emissions(
    spec: RunSpec, executor: Executor, parallel: int, baseline: RunReport | None
) -> Generator[Emission[ScenarioTask, Event], None, None]:
    """把场景散出去。"""
    tasks = [
        ScenarioTask(plan, spec.run_id, spec.config_dir, _yardstick(plan, spec.gate, baseline))
        for plan in spec.plans
    ]
    profile = Profile(Kind.SCENARIO, width=max(1, parallel), resources=resources)
    yield from executor.fan_out(partial(run_scenario, executor=executor), tasks, profile)


def _yardstick(plan: ScenarioPlan, gate: GateSpec, baseline: RunReport | None) -> Yardstick:
    """基线里的同一个场景，去掉途中用不着的大件。"""
    known = baseline.scenarios if baseline is not None else ()
    base = next((s for s in known if s.scenario == plan.scenario.id), None)
    return Yardstick(gate, base and replace(base, cases=(), stages=(), artifacts=()))


def _take(
    emission: Emission[ScenarioTask, Event],
    fold: Fold,
    recorder: Recorder,
    artifacts: Artifacts,
    watch: Watch,
) -> None:
    """收下一条消息：写盘，折叠，告诉旁观者。"""
    name = emission.item.plan.scenario.id
    if emission.event is not None:
        fold.attach(*recorder.record(emission.event))
        fold.add(emission.event)
        line = event_line(name, emission.event)
        if line is not None:
            artifacts.append(artifacts.run("events.jsonl"), line)
    elif emission.crash is not None:
        fold.attach(*recorder.close())
        fold.crash(emission.crash)
    watch(name, emission.event or emission.crash)


def _settled(fold: Fold) -> bool:
    """计划的阶段是否都有了结局（收场不算）。"""
    done = {result.stage for result in fold.report.stages}
    return done >= set(fold.report.planned) - {"teardown"}


def _now() -> str:
    """UTC 时间，ISO 8601。"""
    return datetime.now(UTC).isoformat(timespec="seconds")
