"""流水账：测完一样记一样，进程被杀之后照它接着跑；走完的运行不留它。

作答不在这里：它们有自己的流水（export/journal.py）。
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from io import BytesIO
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rayeval.domain.accuracy import Accuracy
from rayeval.domain.events import (
    AnswersFinished,
    CaseFinished,
    CellFinished,
    Event,
    RungReached,
    ServiceReady,
    StageFinished,
    SuiteFinished,
)
from rayeval.domain.functional import CaseResult
from rayeval.domain.report import CellReport, ReadyStep, StageResult, Status
from rayeval.domain.resume import Done
from rayeval.domain.run import ScenarioPlan
from rayeval.export.files import Artifacts
from rayeval.perf.drive import cut_short

MEASURING = ("functional", "perf", "accuracy")
SETTLED = (Status.PASS, Status.FAIL)

_log = logging.getLogger(__name__)


class Journal:
    """一个场景的流水账。"""

    def __init__(self, scenario: str, artifacts: Artifacts) -> None:
        """还没有读，也没有写。"""
        self._id = scenario
        self._artifacts = artifacts
        self._name = artifacts.run(f"journal_{self._id}.jsonl")

    def keep(self, event: Event) -> None:
        """记下一个事件；进度与日志不记。先写大表再写那一行：有行就有表。"""
        body = self._body(event)
        if body is not None:
            line = json.dumps({"kind": type(event).__name__, **body}, ensure_ascii=False)
            self._artifacts.append(self._name, line.encode("utf-8", "replace") + b"\n")

    def _body(self, event: Event) -> dict[str, Any] | None:
        """事件 → 一行的内容；不必记的为 None。"""
        body: dict[str, Any] | None = None
        match event:
            case StageFinished(result=result):
                body = {"value": _dump(StageResult, result)}
            case RungReached(step=step):
                body = {"value": _dump(ReadyStep, step)}
            case ServiceReady(seconds=seconds, fingerprint=pairs):
                body = {"seconds": seconds, "fingerprint": dict(pairs)}
            case SuiteFinished(suite=suite):
                body = {"suite": suite}
            case CaseFinished(case=case):
                body = {"value": _dump(CaseResult, case)}
            case CellFinished(report=report) if not cut_short(report):
                body = self._cell(event)
            case AnswersFinished(accuracy=accuracy):
                body = {"value": _dump(Accuracy, accuracy)}
        return body

    def _cell(self, event: CellFinished) -> dict[str, Any]:
        """一个 cell：汇总进账，请求表另存。"""
        name = f"journal_{'again_' if event.again else ''}{event.report.summary.id}.parquet"
        return {
            "value": _dump(CellReport, event.report),
            "again": event.again,
            "table": self._store(name, event.requests),
        }

    def _store(self, name: str, table: Any) -> str:
        """写一张大表，返回相对路径。"""
        from rayeval.export.parquet import parquet

        path = self._artifacts.perf(self._id, name)
        return self._artifacts.write(path, parquet(table))

    def drop(self) -> None:
        """运行走完了，这本账不必再留。"""
        for body in self._lines():
            if "table" in body:
                self._artifacts.path(body["table"]).unlink(missing_ok=True)
        self._artifacts.path(self._name).unlink(missing_ok=True)

    def read(self) -> list[Event]:
        """账上的事件，照先后；账不在为空。被杀时写了一半的末行不算。

        接过不止一次的账里，同一级、同一个阶段、用例、cell 只取最后一次。
        """
        found: list[Event] = []
        for body in self._lines():
            try:
                found.append(self._event(body))
            except (KeyError, OSError, ValueError, ValidationError) as error:
                _log.warning("%s: an entry is skipped and measured again: %s", self._name, error)
        return _latest(found)

    def _lines(self) -> Iterator[dict[str, Any]]:
        """读得懂的各行。"""
        path = self._artifacts.path(self._name)
        data = path.read_bytes() if path.is_file() else b""
        for line in data.splitlines():
            try:
                body = json.loads(line)
            except ValueError:
                continue
            if isinstance(body, dict) and "kind" in body:
                yield body

    def _event(self, body: dict[str, Any]) -> Event:
        """一行 → 事件；不认识的抛 KeyError。"""
        table = self._table(body["table"]) if "table" in body else None
        make: Mapping[str, Callable[[], Event]] = {
            "StageFinished": lambda: StageFinished(_load(StageResult, body["value"])),
            "RungReached": lambda: RungReached(_load(ReadyStep, body["value"])),
            "ServiceReady": lambda: ServiceReady(
                body["seconds"], tuple(body["fingerprint"].items())
            ),
            "SuiteFinished": lambda: SuiteFinished(body["suite"]),
            "CaseFinished": lambda: CaseFinished(_load(CaseResult, body["value"])),
            "CellFinished": lambda: CellFinished(
                _load(CellReport, body["value"]), table, again=body["again"]
            ),
            "AnswersFinished": lambda: AnswersFinished(_load(Accuracy, body["value"])),
        }
        return make[body["kind"]]()

    def _table(self, path: str) -> Any:
        """读回一张大表。"""
        import pyarrow.parquet as pq

        return pq.read_table(BytesIO(self._artifacts.path(path).read_bytes()))


def is_finished(plan: ScenarioPlan, events: Iterable[Event]) -> bool:
    """这个场景已经走完：计划的阶段都有了结局，且都测成了。"""
    results = {e.result.stage: e.result.status for e in events if isinstance(e, StageFinished)}
    return all(results.get(stage) in SETTLED for stage in plan.planned)


def worth_keeping(events: Iterable[Event]) -> tuple[list[Event], Done]:
    """没走完的场景：哪些事件照搬进报告，与场景可以跳过的部分。

    启动与就绪要重来；测完的阶段整个照搬；没测完的阶段只留完整的套件与 cell。
    """
    events = list(events)
    stages = frozenset(
        e.result.stage
        for e in events
        if isinstance(e, StageFinished)
        and e.result.stage in MEASURING
        and e.result.status in SETTLED
    )
    suites = frozenset(e.suite for e in events if isinstance(e, SuiteFinished))
    kept = [e for e in events if _stays(e, stages, suites)]
    ready = [dict(e.fingerprint) for e in events if isinstance(e, ServiceReady)]
    cells = [e for e in kept if isinstance(e, CellFinished)]
    done = Done(
        stages=stages,
        suites=suites,
        cases=tuple(e.case for e in kept if isinstance(e, CaseFinished)),
        cells=tuple(e.report for e in cells if not e.again),
        confirmations=tuple(e.report for e in cells if e.again),
        fingerprint=ready[-1] if ready else {},
    )
    return kept, done


def _latest(events: Iterable[Event]) -> list[Event]:
    """同一样东西只取最后一次，按它的先后。"""
    found: dict[object, Event] = {}
    for number, event in enumerate(events):
        key: object = number
        match event:
            case CaseFinished(case=case):
                key = case.case_id
            case CellFinished(report=report, again=again):
                key = (report.summary.id, again)
            case StageFinished(result=result):
                key = ("stage", result.stage)
            case RungReached(step=step):
                key = ("rung", step.rung)
        found.pop(key, None)
        found[key] = event
    return list(found.values())


def _stays(event: Event, stages: frozenset[str], suites: frozenset[str]) -> bool:
    """一个事件照不照搬。"""
    match event:
        case StageFinished(result=result):
            return result.stage in stages
        case CaseFinished(case=case):
            return "functional" in stages or case.suite in suites
        case AnswersFinished():
            return "accuracy" in stages
        case CellFinished():
            return True
    return False


def _dump(kind: type, value: object) -> Any:
    """一个值 → 写得进 JSON 的样子；NaN 与无穷没有 JSON 写法，Python 两头都认它们。"""
    return _adapter(kind).dump_python(value, mode="json")


def _load(kind: type, value: Any) -> Any:
    """JSON 的样子 → 一个值。"""
    return _adapter(kind).validate_python(value)


@cache
def _adapter(kind: type) -> TypeAdapter[Any]:
    """一种值的（反）序列化器。"""
    return TypeAdapter(kind)
