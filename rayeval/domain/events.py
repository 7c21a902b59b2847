"""场景边跑边说的话；驱动端把它们折成报告，写进产物，画成进度。"""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from rayeval.domain.accuracy import Accuracy, Answer
from rayeval.domain.functional import CaseResult
from rayeval.domain.load import Counters
from rayeval.domain.perf import Cell
from rayeval.domain.report import CellReport, ReadyStep, StageResult


@dataclass(frozen=True, slots=True)
class StageStarted:
    """一个阶段开始了。"""

    stage: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Progress:
    """一个阶段的进展：总数未知时 total 为 0；`note` 是一句人话；`epoch` 从 1 起，0 是没有。

    `limit_s` 是这个阶段从开始起至多走多久，0 是没有限期。
    """

    stage: str
    note: str = ""
    done: int = 0
    total: int = 0
    counters: Counters | None = None
    cell: Cell | None = None
    epoch: int = 0
    limit_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CaseFinished:
    """一个功能用例有了结局。"""

    case: CaseResult


@dataclass(frozen=True, slots=True)
class SuiteFinished:
    """一个套件（能力探测也算一个）的用例都有了结局。"""

    suite: str


@dataclass(frozen=True, slots=True)
class CellFinished:
    """一个 cell 测完：汇总、证书与原始行（REQUESTS）；`again` 是越界之后的复测。"""

    report: CellReport
    requests: pa.Table
    again: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """答完一道题；整个阶段没走完时，已有的作答也不丢。"""

    answer: Answer


@dataclass(frozen=True, slots=True)
class AnswersFinished:
    """准确率测完：结论；作答都已随 Answered 来过。"""

    accuracy: Accuracy


@dataclass(frozen=True, slots=True)
class LogChunk:
    """服务日志新增的一段字节；`source` 区分同一场景的几份日志（Pod、容器）。"""

    data: bytes
    source: str = ""


@dataclass(frozen=True, slots=True)
class RungReached:
    """就绪阶梯上了一级。"""

    step: ReadyStep


@dataclass(frozen=True, slots=True)
class ServiceReady:
    """服务真的生成过了：用了多久，自报的身份（引擎、版本、模型名）。"""

    seconds: float
    fingerprint: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StageFinished:
    """一个阶段结束了。"""

    result: StageResult


Event = (
    StageStarted
    | Progress
    | CaseFinished
    | SuiteFinished
    | CellFinished
    | Answered
    | AnswersFinished
    | LogChunk
    | RungReached
    | ServiceReady
    | StageFinished
)
