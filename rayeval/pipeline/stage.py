"""测量的三个阶段：各是一个事件生成器，返回 (结局, 一句理由)。"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rayeval.domain.accuracy import Exam
from rayeval.domain.events import CaseFinished, CellFinished, Event, Progress, SuiteFinished
from rayeval.domain.functional import (
    EVERY_SUITE,
    PROBE_SUITE,
    Capability,
    CaseResult,
    Outcome,
    SuiteSize,
    SuiteTask,
    capability_map,
)
from rayeval.domain.perf import Cell
from rayeval.domain.report import CellReport, ScenarioReport, Status
from rayeval.domain.resume import NOTHING, Done
from rayeval.domain.run import ScenarioPlan
from rayeval.domain.service import Endpoint
from rayeval.domain.verdict import GateSpec
from rayeval.errors import ServiceLostError
from rayeval.functional.counting import counting_task
from rayeval.functional.runner import probe_task, run_suite, suite_tasks
from rayeval.gate.robust import doubtful
from rayeval.perf.crew import LoadCrew
from rayeval.perf.drive import drive
from rayeval.pipeline.examine import Room, examine
from rayeval.pipeline.executor import Crash, Executor, Kind, Profile
from rayeval.pipeline.fold import Fold
from rayeval.pipeline.tally import Tally


@dataclass(frozen=True, slots=True)
class Yardstick:
    """途中用得上的那部分门禁：阈值，与基线里的同一个场景（没有则为 None）。"""

    gate: GateSpec = field(default_factory=GateSpec)
    base: ScenarioReport | None = None


NO_YARDSTICK = Yardstick()


@dataclass(frozen=True, slots=True)
class Bench:
    """一个就绪场景的测量台：计划、地址、执行者、压测组、服务死活、卷。"""

    plan: ScenarioPlan
    endpoint: Endpoint
    executor: Executor
    crew: LoadCrew | None
    death: Callable[[], str | None]
    run_id: str
    exam: Exam | None = None
    yardstick: Yardstick = NO_YARDSTICK
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    done: Done = NOTHING

    def pulse(self) -> None:
        """服务死了就抛 ServiceLostError：不让各阶段对着一个死人等到超时。"""
        death = self.death()
        if death is not None:
            raise ServiceLostError(death)


Outcomes = Generator[Event, None, tuple[Status, str]]
Stage = Callable[[Bench], Outcomes]


def functional(bench: Bench) -> Outcomes:
    """先探能力，再跑各套件，套件并行；有 FAIL 或 ERROR 即 FAIL，一个用例也没有即 ERROR。

    结局按宽判；严判由门禁按配置去看。
    """
    spec = bench.plan.functional
    assert spec is not None  # noqa: S101 计划了才会来
    scenario = bench.plan.scenario
    capabilities: tuple[Capability, ...] = ()
    probes = (probe_task(scenario, bench.endpoint, spec),) if spec.probe else ()
    tally = _tally(bench, (*probes, *suite_tasks(scenario, bench.endpoint, spec)))
    if probes:
        probed = yield from _suites(bench, (*probes, *_counting(bench)), tally)
        capabilities = capability_map(probed)
    tasks = suite_tasks(scenario, bench.endpoint, spec, capabilities)
    cases = yield from _suites(bench, tasks, tally)
    ran = [c for c in cases if not c.case_id.endswith("/session") or c.outcome is not Outcome.SKIP]
    if tasks and not ran:
        chosen = f" matches {spec.select!r}" if spec.select else " ran"
        return Status.ERROR, f"no case{chosen}"
    bad = tally.outcomes[Outcome.FAIL] + tally.outcomes[Outcome.ERROR]
    if bad:
        return Status.FAIL, f"{bad} of {tally.outcomes.total()} cases did not pass"
    return Status.PASS, ""


def _tally(bench: Bench, tasks: Iterable[SuiteTask]) -> Tally:
    """这个阶段的数；测过的套件照搬，已经齐了。"""
    tally = Tally(task.suite for task in tasks)
    for case in bench.done.cases:
        tally.count(case, case.suite)
    for suite in bench.done.suites:
        tally.close(suite)
    return tally


def _counting(bench: Bench) -> tuple[SuiteTask, ...]:
    """探测占着一个位子时，另一个位子数一数各套件；要为此多等的就不数。"""
    spec, known = bench.plan.functional, bench.done.suites
    if spec is None or spec.workers == 1 or PROBE_SUITE in known:
        return ()
    left = spec.model_copy(update={"suites": tuple(s for s in spec.suites if s not in known)})
    return (counting_task(bench.plan.scenario, bench.endpoint, left),) if left.suites else ()


def _suites(
    bench: Bench, tasks: Sequence[SuiteTask], tally: Tally
) -> Generator[Event, None, list[CaseResult]]:
    """跑几个套件，边跑边说，返回全部用例；各结局记进 `tally`。测过的套件不重跑。"""
    wanted = {task.suite for task in tasks}
    cases = [case for case in bench.done.cases if case.suite in wanted]
    tasks = [task for task in tasks if task.suite not in bench.done.suites]
    spec = bench.plan.functional
    profile = Profile(Kind.SUITE, width=spec.workers if spec is not None else None)
    for emission in bench.executor.fan_out(run_suite, tasks, profile, pulse=bench.pulse):
        said, suite = emission.event, emission.item.suite
        if suite == EVERY_SUITE and said is None:
            continue  # 数完了，或没数出来：各套件跑起来时自己会说
        if emission.crash is not None:
            said = _crashed_suite(suite, emission.crash)
        if isinstance(said, SuiteSize):
            tally.expect(said)
        elif said is not None:
            cases.append(said)
            tally.count(said, suite)
            yield CaseFinished(said)
        if emission.event is None:
            tally.close(suite)
        if emission.ended:
            yield SuiteFinished(suite)
        yield tally.progress()
    return cases


def _crashed_suite(suite: str, crash: Crash) -> CaseResult:
    """套件的任务本身垮了：记成一个 ERROR 用例，不丢。"""
    message = f"the suite's task ended early ({crash.kind}): {crash.message}"
    return CaseResult(suite, f"{suite}/session", Outcome.ERROR, 0.0, message)


def perf(bench: Bench) -> Outcomes:
    """逐个 cell 压测；测完即 PASS，好坏由门禁说；一个成功都没有的 cell 使它 FAIL。"""
    spec = bench.plan.perf
    assert spec is not None  # noqa: S101 计划了才会来
    cells = list(bench.done.cells)
    known = {cell.summary.id for cell in cells}
    left = [cell for cell in spec.cells() if cell.id not in known]
    for event in _drive(bench, left, bench.run_id) if left else ():
        if isinstance(event, CellFinished):
            cells.append(event.report)
        yield event
    yield from _confirm(bench, cells)
    failed = sum(cell.summary.succeeded == 0 for cell in cells)
    if failed:
        return Status.FAIL, f"cells without one successful request: {failed}"
    return Status.PASS, ""


def _drive(bench: Bench, cells: Sequence[Cell], salt: str) -> Iterator[Progress | CellFinished]:
    """压几个 cell；`salt` 使提示词与别的一次不同。"""
    assert bench.plan.perf is not None  # noqa: S101 计划了才会来
    assert bench.crew is not None  # noqa: S101 计划了 perf 就有压测组
    return drive(
        bench.plan.perf,
        bench.endpoint,
        bench.crew,
        provider=bench.plan.scenario.provider,
        run_id=salt,
        alive=bench.death,
        cells=cells,
    )


def _confirm(bench: Bench, measured: Sequence[CellReport]) -> Iterator[Event]:
    """越了界的 cell 各复测一次；门禁不要求、或没有越界，就什么也不做。"""
    gate, base = bench.yardstick.gate, bench.yardstick.base
    if bench.plan.perf is None or not gate.reruns:
        return
    now = replace(
        Fold(bench.plan).report, cells=tuple(measured), fingerprint=dict(bench.fingerprint)
    )
    names = doubtful(now, base, gate)
    known = {cell.summary.id for cell in bench.done.confirmations}
    cells = [c for c in bench.plan.perf.cells() if c.id in names and c.id not in known]
    if not cells:
        return
    yield Progress("perf", f"beyond a limit, measured once more: {', '.join(names)}")
    for event in _drive(bench, cells, f"{bench.run_id}/again"):
        yield replace(event, again=True) if isinstance(event, CellFinished) else event


def accuracy(bench: Bench) -> Outcomes:
    """考一场、算分；有效且达到 min_score 即 PASS。"""
    spec = bench.plan.accuracy
    assert spec is not None  # noqa: S101 计划了才会来
    room = Room(bench.plan.scenario, spec, bench.exam, bench.endpoint, bench.executor, bench.pulse)
    return (yield from examine(room))


STAGES: Mapping[str, Stage] = {"functional": functional, "perf": perf, "accuracy": accuracy}
"""阶段名 → 阶段，按次序。"""
