"""一个场景此刻的样子：由它的事件折出来，不碰终端；时刻都由调用者给，秒。"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from enum import Enum

from rayeval.domain.events import (
    CaseFinished,
    CellFinished,
    Event,
    Progress,
    StageFinished,
    StageStarted,
)
from rayeval.domain.functional import Outcome
from rayeval.domain.load import Counters
from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.report import StageResult, Status
from rayeval.forecast import Forecast
from rayeval.pipeline.executor import Crash

SPEAKS_FROM = 0.02
"""考试做完这么多才说还剩多久：分片起来之前的工夫不能算作答题的速率。"""
SETTLED_S = 0.5
"""进入一个 cell 这么久之后才说它的速率，秒。"""
RATE_S = 10.0
"""速率看最近这么久，秒：爬坡途中它一直在变。"""
BAD = frozenset({Status.FAIL, Status.ERROR})


class Phase(Enum):
    """一个场景走到了哪里；`KEPT` 是接着跑时照搬、没有重测的。"""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    STOPPED = "interrupted"
    KEPT = "kept"


@dataclass(slots=True)
class Row:
    """一个场景此刻的样子；`done`、`total`、`note` 属于当前阶段。"""

    name: str
    planned: tuple[str, ...]
    perf: PerfSpec | None = None
    stage: str = ""
    note: str = ""
    done: int = 0
    total: int = 0
    counters: Counters | None = None
    cell: Cell | None = None
    epoch: int = 0
    limit_s: float = 0.0
    cases: int = 0
    bad_cases: int = 0
    began: float = 0.0
    since: float = 0.0
    ended: float | None = None
    results: dict[str, StageResult] = field(default_factory=dict)
    crash: Crash | None = None
    _measuring: float = 0.0
    _counted: float = 0.0
    _forecast: Forecast | None = None
    _samples: deque[tuple[float, int]] = field(default_factory=deque)

    def take(self, event: Event | Crash | None, now: float) -> None:
        """记下一句话。"""
        match event:
            case StageStarted(stage=stage, note=note):
                self._start(stage, note, now)
            case Progress():
                self._advance(event, now)
            case CaseFinished(case=case):
                self.cases += 1
                self.bad_cases += case.outcome in {Outcome.FAIL, Outcome.ERROR}
            case CellFinished(report=report) if self._forecast is not None:
                self._forecast.learn(report.summary)
            case StageFinished(result=result):
                self.began = self.began or now
                self.results[result.stage] = result
                self.note = ""
            case Crash():
                self.crash, self.ended = event, now
            case None:
                self.ended = now
            case _:
                pass

    @property
    def phase(self) -> Phase:
        """等着、在跑、过了、没过、照搬。"""
        if self.ended is None:
            return Phase.RUNNING if self.stage or self.results else Phase.WAITING
        statuses = {result.status for result in self.results.values()}
        if self.crash is not None or statuses & BAD:
            return Phase.FAILED
        if Status.CANCELLED in statuses:
            return Phase.STOPPED
        return Phase.PASSED if statuses else Phase.KEPT

    @property
    def busy(self) -> bool:
        """有一个阶段正在进行。"""
        return self.phase is Phase.RUNNING and bool(self.stage) and self.stage not in self.results

    def rate(self, now: float) -> float | None:
        """当前 cell 最近的 token 每秒；刚进来、还没有的不说。"""
        if self.counters is None or self.cell is None or not self._samples:
            return None
        at, tokens = self._samples[0]
        gained = self.counters.tokens - tokens
        return gained / (now - at) if now - at > SETTLED_S and gained else None

    def eta_s(self, now: float) -> float | None:
        """当前阶段按至今的速率还剩多久；说不准为 None。用例长短不一，功能阶段不说。

        压测算到最近一个请求做完时为止：长的请求在途中，不该越等剩得越多。
        """
        if not self.busy or not self.total or not self.done or self.stage == "functional":
            return None
        share = self.done / self.total
        if self.stage == "accuracy" and share < SPEAKS_FROM:
            return None
        if self._forecast is None:
            return (now - self._measuring) * (1 / share - 1)
        if self._forecast.requests == self.total:
            share = self._forecast.share(self.done)
        return (self._counted - self._measuring) * (1 / share - 1)

    @property
    def measures_last(self) -> bool:
        """正做着最后一个要测的阶段：它的剩余时间就是场景的。"""
        return self.stage == [*(s for s in self.planned if s != "teardown"), ""][-2]

    def _start(self, stage: str, note: str, now: float) -> None:
        """一个阶段开始了。"""
        self.began = self.began or now
        self.stage, self.note, self.since, self._measuring = stage, note, now, now
        self.done = self.total = self.epoch = 0
        self.limit_s = 0.0
        self.counters = self.cell = None
        self._samples.clear()
        perf = self.perf if stage == "perf" else None
        self._forecast = None if perf is None else Forecast(perf)

    def _advance(self, event: Progress, now: float) -> None:
        """有了进展；换了一批要做的（校准之后、复测）就从此刻算速率。"""
        if event.done < self.done or (event.total != self.total and not event.done):
            self._measuring = now
        if event.done != self.done:
            self._counted = now
        if event.cell != self.cell:
            self._samples.clear()
        self.note, self.done, self.total = event.note, event.done, event.total
        self.cell, self.epoch, self.limit_s = event.cell, event.epoch, event.limit_s
        self.counters = event.counters or self.counters
        if self.counters is None:
            return
        self._samples.append((now, self.counters.tokens))
        while now - self._samples[0][0] > RATE_S:
            self._samples.popleft()
