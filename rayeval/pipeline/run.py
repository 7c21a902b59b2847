"""一次运行：散出场景，折叠事件，边来边写，最后是一份报告。"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

from rayeval.domain.accuracy import Exam
from rayeval.domain.events import Event
from rayeval.domain.report import RunReport
from rayeval.domain.resume import NOTHING, Done
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.domain.verdict import GateSpec
from rayeval.export.files import Artifacts
from rayeval.pipeline.executor import Crash, Emission, Executor, Kind, Profile
from rayeval.pipeline.fold import Fold
from rayeval.pipeline.journal import Journal, is_finished, worth_keeping
from rayeval.pipeline.record import Recorder, event_line
from rayeval.pipeline.scenario import ScenarioTask, resources, run_scenario
from rayeval.pipeline.stage import Yardstick
from rayeval.service.aftermath import clear_away
from rayeval.service.owner import this_process

Watch = Callable[[str, Event | Crash | None], None]
"""旁观者：场景名，与它的事件、崩溃，或结束（None）。"""


@dataclass(frozen=True, slots=True)
class Provenance:
    """这次运行的来历：版本、git。"""

    versions: dict[str, str]
    git: dict[str, str]


@dataclass(frozen=True, slots=True)
class Past:
    """一个场景先前走到了哪里；`words` 说什么没有重测。"""

    finished: bool = False
    done: Done = NOTHING
    words: str = ""


def run(
    spec: RunSpec,
    executor: Executor,
    artifacts: Artifacts,
    provenance: Provenance,
    watch: Watch,
    *,
    exams: Mapping[str, Exam],
    parallel: int | None = None,
    baseline: RunReport | None = None,
    resume: bool = False,
) -> RunReport:
    """跑完全部场景。中断（KeyboardInterrupt）时先让各场景收场，仍给出已有的报告。

    `exams` 是各场景的卷（见 papers）；`parallel` 是同时跑的场景数，默认为节点数：
    同一台机器上的测量从不互相打扰。
    `baseline` 只用来看哪些 cell 越了界、该复测；裁决不在这里。
    `resume`：产物里有这次运行先前的流水账，测完的照搬，不再测。
    """
    started = _now()
    papers = [exams.get(plan.scenario.id) for plan in spec.plans]
    folds = [Fold(plan) for plan in spec.plans]
    recorders = [
        Recorder(plan, artifacts, exam) for plan, exam in zip(spec.plans, papers, strict=True)
    ]
    journals = [Journal(plan.scenario.id, artifacts) for plan in spec.plans]
    past = [
        _replay(*parts) if resume else Past()
        for parts in zip(spec.plans, journals, folds, recorders, papers, strict=True)
    ]
    owner = this_process()
    tasks = [
        ScenarioTask(
            plan,
            spec.run_id,
            spec.config_dir,
            exam,
            owner,
            _yardstick(plan, spec.gate, baseline),
            known.done,
        )
        for plan, exam, known in zip(spec.plans, papers, past, strict=True)
    ]
    left = [index for index, known in enumerate(past) if not known.finished]
    for plan, known in zip(spec.plans, past, strict=True):
        if known.finished:
            watch(plan.scenario.id, None)
    interrupted = False
    try:
        width, wanted = parallel or executor.nodes(), [tasks[index] for index in left]
        with closing(_emissions(wanted, executor, width)) as emissions:
            for emission in emissions:
                index = left[emission.index]
                if emission.event is not None:
                    journals[index].keep(emission.event)
                _take(emission, folds[index], recorders[index], artifacts, watch)
    except KeyboardInterrupt:
        interrupted = True
    for fold, recorder in zip(folds, recorders, strict=True):
        if interrupted and not _settled(fold):
            fold.attach(*recorder.close())
            fold.crash(Crash("cancelled", "interrupted"))
            fold.left_behind(clear_away(fold.plan.scenario, spec.run_id))
    if not interrupted:
        for journal in journals:
            journal.drop()
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
        resumed=tuple(
            f"{plan.scenario.id}: {known.words}"
            for plan, known in zip(spec.plans, past, strict=True)
            if known.words
        ),
    )


def _emissions(
    tasks: Sequence[ScenarioTask], executor: Executor, parallel: int
) -> Generator[Emission[ScenarioTask, Event], None, None]:
    """把场景散出去。"""
    profile = Profile(Kind.SCENARIO, width=max(1, parallel), resources=resources)
    yield from executor.fan_out(partial(run_scenario, executor=executor), tasks, profile)


def _replay(
    plan: ScenarioPlan, journal: Journal, fold: Fold, recorder: Recorder, exam: Exam | None
) -> Past:
    """把先前测完的折进报告、重写产物；返回还要不要跑、可以跳过什么。"""
    events = journal.read()
    finished = is_finished(plan, events)
    kept, done = worth_keeping(events)
    for event in events if finished else kept:
        fold.attach(*recorder.record(event))
        fold.add(event)
    answers = len(exam.answered) if exam is not None else 0
    words = "the whole scenario" if finished else done.words(answers)
    return Past(finished, done, words)


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
        fold.left_behind(clear_away(emission.item.plan.scenario, emission.item.run_id))
    watch(name, emission.event or emission.crash)


def _settled(fold: Fold) -> bool:
    """计划的阶段是否都有了结局（收场不算）。"""
    done = {result.stage for result in fold.report.stages}
    return done >= set(fold.report.planned) - {"teardown"}


def _now() -> str:
    """UTC 时间，ISO 8601。"""
    return datetime.now(UTC).isoformat(timespec="seconds")
