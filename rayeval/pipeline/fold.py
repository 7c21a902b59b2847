"""事件 → ScenarioReport：一步一步折，任何时候停下都是一份说得清的报告。"""

from __future__ import annotations

from dataclasses import replace

from rayeval.domain.events import (
    AnswersFinished,
    CaseFinished,
    CellFinished,
    Event,
    RungReached,
    ServiceReady,
    StageFinished,
    StageStarted,
)
from rayeval.domain.report import ScenarioReport, StageResult, Status
from rayeval.domain.run import ScenarioPlan
from rayeval.pipeline.executor import Crash


class Fold:
    """一个场景正在长成的报告。"""

    def __init__(self, plan: ScenarioPlan) -> None:
        """从只有计划的空报告开始。"""
        self.plan = plan
        scenario = plan.scenario
        self._open: str | None = None
        self.report = ScenarioReport(
            scenario=scenario.id,
            mode=scenario.mode.value,
            model=scenario.model,
            quant=scenario.quant.value,
            provider=scenario.provider.id,
            backend=plan.perf.backend if plan.perf else "openai-chat",
            optional=plan.optional,
            planned=plan.planned,
            labels=dict(scenario.labels),
        )

    @property
    def stage(self) -> str | None:
        """正在进行的阶段。"""
        return self._open

    def add(self, event: Event) -> None:
        """折进一个事件；进度与日志不留在报告里。"""
        report = self.report
        match event:
            case StageStarted(stage=name):
                self._open = name
            case StageFinished(result=result):
                self._open = None
                report = replace(report, stages=(*report.stages, result))
            case ServiceReady(seconds=seconds, fingerprint=pairs):
                report = replace(report, time_to_ready_s=seconds, fingerprint=dict(pairs))
            case RungReached(step=step):
                report = replace(report, ready_steps=(*report.ready_steps, step))
            case CaseFinished(case=case):
                report = replace(report, cases=(*report.cases, case))
            case CellFinished(report=cell, again=True):
                report = replace(report, confirmations=(*report.confirmations, cell))
            case CellFinished(report=cell):
                report = replace(report, cells=(*report.cells, cell))
            case AnswersFinished(accuracy=accuracy):
                report = replace(report, accuracy=accuracy)
            case _:
                pass
        self.report = report

    def attach(self, *paths: str) -> None:
        """记下产物的相对路径，不重复。"""
        new = tuple(path for path in paths if path not in self.report.artifacts)
        self.report = replace(self.report, artifacts=(*self.report.artifacts, *new))

    def left_behind(self, problem: str | None) -> None:
        """替没走完的场景收了尾：没收干净的记成 teardown 的 ERROR；没什么可收的不记。"""
        if problem is not None:
            status = Status.ERROR if problem else Status.PASS
            kept = tuple(stage for stage in self.report.stages if stage.stage != "teardown")
            result = StageResult("teardown", status, reason=problem)
            self.report = replace(self.report, stages=(*kept, result))

    def crash(self, crash: Crash) -> None:
        """这件活没走完：正在进行的阶段记 ERROR（中断则 CANCELLED），其后的跳过并说明。"""
        cancelled = crash.kind == "cancelled"
        status = Status.CANCELLED if cancelled else Status.ERROR
        reason = "interrupted" if cancelled else f"{crash.kind}: {crash.message}"
        done = {result.stage for result in self.report.stages}
        missing = [name for name in self.report.planned if name not in done and name != "teardown"]
        broken = self._open if self._open in missing else next(iter(missing), None)
        results = []
        for name in missing:
            if name == broken:
                results.append(StageResult(name, status, reason=reason))
            else:
                skipped = f"{broken} did not finish: {reason}"
                results.append(StageResult(name, Status.SKIPPED, reason=skipped))
        self._open = None
        self.report = replace(self.report, stages=(*self.report.stages, *results))
