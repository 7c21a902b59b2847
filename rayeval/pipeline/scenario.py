"""一个场景：从启动到收场的事件流；无论发生什么，服务都会被收走。"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace

from rayeval.domain.accuracy import Exam
from rayeval.domain.events import Event, LogChunk, ServiceReady, StageFinished, StageStarted
from rayeval.domain.report import StageResult, Status
from rayeval.domain.resume import NOTHING, Done
from rayeval.domain.run import ScenarioPlan
from rayeval.errors import LaunchError, NotReadyError, ServiceError
from rayeval.perf.crew import LoadCrew
from rayeval.perf.sizing import enough_workers
from rayeval.pipeline.executor import Executor
from rayeval.pipeline.fingerprint import fingerprint
from rayeval.pipeline.stage import NO_YARDSTICK, STAGES, Bench, Outcomes, Yardstick
from rayeval.service.backoff import Budget
from rayeval.service.launcher import launch
from rayeval.service.readiness import await_ready
from rayeval.service.running import LaunchContext, Running

LOG_INTERVAL_S = 2.0
"""测量途中每隔这么久把服务日志送回驱动端一次。"""
LARGEST_CHUNK = 1 << 20
"""一次送回的日志约这么多字节。"""
SMALL_CHUNK = 1 << 16
"""短于此（字节）的一截日志算是读到了头。"""


@dataclass(frozen=True, slots=True)
class ScenarioTask:
    """送往某个节点的一件活：一个场景的计划、本次运行的名字、配置所在。

    还有出好的卷、谁起的、比较的尺子、先前已测完的。
    """

    plan: ScenarioPlan
    run_id: str
    config_dir: str
    exam: Exam | None = None
    owner: str = ""
    yardstick: Yardstick = NO_YARDSTICK
    done: Done = NOTHING


def resources(task: ScenarioTask) -> Mapping[str, float]:
    """场景要占的资源，Ray 据此为它找节点。"""
    asked = task.plan.scenario.resources
    return {"num_gpus": asked.num_gpus, **asked.custom}


def run_scenario(task: ScenarioTask, executor: Executor) -> Iterator[Event]:
    """跑完一个场景；中断时先收场，再把中断还给调用者。

    压测组先启动（一个 actor 要 1 到 2.5 秒），与服务的启动并行。
    """
    plan = task.plan
    with ExitStack() as stack:
        crew = _crew(stack, plan, executor)
        course = _Course()
        context = LaunchContext(task.run_id, executor.host(), task.owner)
        budget = Budget(plan.scenario.service.startup_timeout_s)
        yield from course.walk("launch", lambda: _launch(stack, plan, context, course))
        yield from course.walk("ready", lambda: _ready(task, course, budget))
        for name in plan.planned:
            if name in STAGES and name not in task.done.stages:
                yield from course.walk(
                    name,
                    lambda name=name: STAGES[name](  # type: ignore[misc]
                        _bench(task, executor, crew, course)
                    ),
                )
        yield from course.walk("teardown", lambda: _teardown(course.service), always=True)
        if course.interrupted:
            raise KeyboardInterrupt


def _crew(stack: ExitStack, plan: ScenarioPlan, executor: Executor) -> LoadCrew | None:
    """计划了 perf 才要压测组。"""
    if plan.perf is None:
        return None
    return stack.enter_context(executor.crew(enough_workers(plan.perf, executor.cores())))


def _bench(task: ScenarioTask, executor: Executor, crew: LoadCrew | None, course: _Course) -> Bench:
    """就绪之后的测量台。"""
    service = course.service
    return Bench(
        task.plan,
        service.endpoint,
        executor,
        crew,
        service.death,
        task.run_id,
        task.exam,
        task.yardstick,
        course.fingerprint,
        task.done,
    )


def _launch(
    stack: ExitStack, plan: ScenarioPlan, context: LaunchContext, course: _Course
) -> Outcomes:
    """启动服务，交给行程。"""
    yield from ()
    course.running = stack.enter_context(launch(plan.scenario, context))
    return Status.PASS, ""


def _ready(task: ScenarioTask, course: _Course, budget: Budget) -> Outcomes:
    """攀完就绪阶梯；就绪事件补上硬件与参数的身份。预算从启动算起，启动用掉的也算。"""
    plan = task.plan
    spec = plan.scenario.service
    for event in await_ready(
        course.service,
        health_path=spec.health_path,
        budget=budget,
        max_tokens_field=plan.scenario.provider.max_tokens_field,
    ):
        if isinstance(event, ServiceReady):
            identity = fingerprint(plan, dict(event.fingerprint), task.config_dir)
            course.fingerprint = dict(identity)
            require_same_service(task.done, course.fingerprint)
            yield replace(event, fingerprint=identity)
        else:
            yield event
    return Status.PASS, ""


def require_same_service(done: Done, fingerprint: Mapping[str, str]) -> None:
    """接着测的得是同一个服务：身份变了就不把两个服务的数拼成一份报告。"""
    before = dict(done.fingerprint)
    changed = [k for k in sorted(before | dict(fingerprint)) if before.get(k) != fingerprint.get(k)]
    if before and changed:
        message = (
            f"{', '.join(changed)} differ from what was measured before the interruption; "
            "start a new run instead of --resume"
        )
        raise NotReadyError(message)


def _teardown(service: Running) -> Outcomes:
    """停下服务。"""
    yield from ()
    service.stop()
    return Status.PASS, ""


class _Course:
    """行程：走到哪、还能不能往下走、服务在哪。"""

    def __init__(self) -> None:
        """从起点开始。"""
        self.running: Running | None = None
        self.interrupted = False
        self.fingerprint: dict[str, str] = {}
        self._blocked = ""
        self._log_at = time.monotonic()

    @property
    def service(self) -> Running:
        """已启动的服务。"""
        if self.running is None:
            message = "the service was never launched"
            raise LaunchError(message)
        return self.running

    def walk(
        self, name: str, make: Callable[[], Outcomes], *, always: bool = False
    ) -> Iterator[Event]:
        """走一个阶段：前路已断则跳过并说明；阶段的失败折成结局，不外溢。"""
        if always and self.running is None:
            return
        if self._blocked and not always:
            yield StageFinished(StageResult(name, Status.SKIPPED, reason=self._blocked))
            return
        yield StageStarted(name)
        begin, result = time.monotonic(), StageResult(name, Status.ERROR)
        try:
            with closing(make()) as events:
                status, reason = yield from self._with_log(events)
            result = StageResult(name, status, reason=reason)
        except ServiceError as error:
            result = StageResult(name, Status.ERROR, 0.0, str(error), error.log_tail)
        except KeyboardInterrupt:
            self.interrupted = True
            result = StageResult(name, Status.CANCELLED, reason="interrupted")
        except Exception as error:  # noqa: BLE001 一个阶段的任何失败都是数据
            result = StageResult(name, Status.ERROR, reason=f"{type(error).__name__}: {error}")
        result = self._judge(result)
        yield from self._log()
        yield StageFinished(replace(result, seconds=time.monotonic() - begin))

    def _judge(self, result: StageResult) -> StageResult:
        """这个结局之后还能不能往下走；服务死了则补上死因与日志末尾。"""
        if result.status is Status.CANCELLED:
            self._blocked = "interrupted"
        elif result.status is Status.ERROR and result.stage in {"launch", "ready"}:
            self._blocked = f"{result.stage} failed: {result.reason}"
        death = self.running.death() if self.running is not None else None
        if death is None or self._blocked:
            return result
        self._blocked = f"service lost during {result.stage}: {death}"
        tail = result.log_tail or (self.running.log_tail() if self.running else "")
        return replace(result, status=Status.ERROR, reason=f"service lost: {death}", log_tail=tail)

    def _with_log(self, events: Outcomes) -> Outcomes:
        """转送一个阶段的事件，每隔一会儿捎上服务日志。"""
        while True:
            try:
                event = next(events)
            except StopIteration as end:
                status, reason = end.value
                return status, reason
            yield event
            if time.monotonic() - self._log_at > LOG_INTERVAL_S:
                yield from self._log()

    def _log(self) -> Iterator[LogChunk]:
        """送出新增的服务日志；读到一小截就算到头，免得追着一个话多的服务停不下来。"""
        self._log_at = time.monotonic()
        while self.running is not None and (pieces := self.running.new_logs(LARGEST_CHUNK)):
            for source, data in pieces:
                yield LogChunk(data, source)
            if sum(len(data) for _, data in pieces) < SMALL_CHUNK:
                return
