"""事件 → 产物：来一样写一样，中途倒下也不丢已有的；只有驱动端用它。

写文件的模块在写的时候才导入：它们拖着 jinja2 与 pyarrow 的半边，第一个请求不必等。
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from rayeval.domain.accuracy import Accuracy, Exam
from rayeval.domain.events import (
    Answered,
    AnswersFinished,
    CaseFinished,
    CellFinished,
    Event,
    LogChunk,
    Progress,
    StageFinished,
    StageStarted,
    SuiteFinished,
)
from rayeval.domain.functional import CaseResult
from rayeval.domain.load import Certificate
from rayeval.domain.report import CellReport
from rayeval.domain.run import ScenarioPlan
from rayeval.export.files import Artifacts
from rayeval.export.journal import PARTIAL, Journal


class Recorder:
    """一个场景的产物。每次写都返回新增的相对路径，好记进报告。"""

    def __init__(self, plan: ScenarioPlan, artifacts: Artifacts, exam: Exam | None = None) -> None:
        """还什么都没写。"""
        self._plan = plan
        self._artifacts = artifacts
        self._id = plan.scenario.id
        self._cases: list[CaseResult] = []
        self._cells: list[CellReport] = []
        self._tables: list[pa.Table] = []
        partial = artifacts.accuracy(self._id, PARTIAL)
        self._journal = Journal(artifacts, partial, dict(exam.identity) if exam else {})

    def record(self, event: Event) -> list[str]:
        """写下一个事件该写的东西。"""
        match event:
            case LogChunk(data=data, source=source):
                path = self._artifacts.service_log(self._id, source)
                return [self._artifacts.append(path, data)]
            case CaseFinished(case=case):
                self._cases.append(case)
            case CellFinished(report=report, requests=table, again=True):
                return self._again(report, table)
            case CellFinished(report=report, requests=table):
                return self._cell(report, table)
            case Answered(answer=answer):
                self._journal.add(answer)
            case AnswersFinished(accuracy=accuracy):
                return self._answers(accuracy)
            case StageStarted(stage="accuracy") if self._plan.resume_answers is not None:
                self._journal.take_over(Path(self._plan.resume_answers))
            case StageFinished(result=result):
                return self._stage_done(result.stage)
            case _:
                pass
        return []

    def _stage_done(self, stage: str) -> list[str]:
        """一个阶段结束时该写的。"""
        writers = {
            "functional": self._functional,
            "perf": self._rows,
            "accuracy": self._journal.paths,
        }
        return writers[stage]() if stage in writers else []

    def close(self) -> list[str]:
        """场景中途倒下时，把攒着的也写出来。"""
        return self._functional() + self._rows() + self._journal.paths()

    def _functional(self) -> list[str]:
        """结局、JUnit 与留痕。"""
        if not self._cases:
            return []
        from rayeval.export import functional_csv, functional_json, junit

        files = {
            "results.json": functional_json.results_json(self._id, self._cases),
            "cases.csv": functional_csv.functional_csv(self._cases),
            "junit.xml": junit.junit_xml(self._id, self._cases),
            "evidence.jsonl": functional_json.evidence_jsonl(self._cases),
        }
        if any(case.capability for case in self._cases):
            files["capabilities.json"] = functional_json.capabilities_json(self._id, self._cases)
        write, where = self._artifacts.write, self._artifacts.functional
        return [write(where(self._id, name), data) for name, data in files.items()]

    def _cell(self, report: CellReport, table: pa.Table) -> list[str]:
        """这个 cell 的请求表，与至今全部 cell 的汇总、证书。"""
        from rayeval.export import acs_csv

        self._cells.append(report)
        self._tables.append(table)
        time = self._artifacts.run_ts
        files = {
            acs_csv.requests_name(report.summary, time): acs_csv.requests_csv(
                table, report.summary
            ),
            acs_csv.summary_name(self._cells[0].summary, time): acs_csv.summary_csv(self._cells),
            "certificate.json": _certificates(self._cells),
        }
        write, where = self._artifacts.write, self._artifacts.perf
        return [write(where(self._id, name), data) for name, data in files.items()]

    def _again(self, report: CellReport, table: pa.Table) -> list[str]:
        """一个 cell 的复测：只留原始行，一个 cell 一份，不与正式的混在一起。"""
        from rayeval.export import parquet

        name = self._artifacts.perf(self._id, f"confirm_{report.summary.id}.parquet")
        return [self._artifacts.write(name, parquet.parquet(table))]

    def _rows(self) -> list[str]:
        """全部请求的 Parquet，带 ITL。"""
        if not self._tables:
            return []
        from rayeval.export import parquet

        data = parquet.parquet(pa.concat_tables(self._tables))
        return [self._artifacts.write(self._artifacts.perf(self._id, "requests.parquet"), data)]

    def _answers(self, accuracy: Accuracy) -> list[str]:
        """simple-evals 形状的三份文件与全部作答；写完之后流水不必留。

        接着跑而这里早已考完的，没有流水，先前写好的照旧。
        """
        from rayeval.export import accuracy_csv, answers, simple_evals

        spec, journal = self._plan.accuracy, self._journal
        system = spec.system_message if spec is not None else None
        stem = simple_evals.stem(accuracy, self._plan.scenario.model, self._artifacts.run_ts)
        ways: dict[str, Callable[[BinaryIO], None]] = {
            f"{stem}.json": lambda file: _put(file, [simple_evals.result_json(accuracy)]),
            f"{stem}.html": lambda file: _put(
                file, simple_evals.report_html(accuracy, journal.rows(), system)
            ),
            f"{stem}_allresults.json": lambda file: _put(
                file, simple_evals.allresults_json(accuracy, journal.rows, system)
            ),
            "score.csv": lambda file: _put(file, [accuracy_csv.accuracy_csv([accuracy])]),
            "answers.parquet": lambda file: answers.write_answers(journal.rows(), file),
            "answers_timing.parquet": lambda file: answers.write_times(journal.rows(), file),
        }
        written = []
        for name, way in ways.items():
            path = self._artifacts.accuracy(self._id, name)
            written.append(path)
            if journal.paths() or not self._artifacts.path(path).exists():
                with self._artifacts.opened(path) as file:
                    way(file)
        journal.drop()
        return written


def _put(file: BinaryIO, pieces: Iterable[bytes]) -> None:
    """一截一截地写。"""
    for piece in pieces:
        file.write(piece)


def _certificates(cells: list[CellReport]) -> bytes:
    """各 cell 的证书。"""
    body: dict[str, Certificate | object] = {
        cell.summary.id: dataclasses.asdict(cell.certificate) for cell in cells
    }
    return json.dumps(body, indent=1).encode() + b"\n"


def event_line(scenario: str, event: Event) -> bytes | None:
    """事件 → events.jsonl 的一行；日志与大表不进来，进度太密也不进来。"""
    if isinstance(event, LogChunk | Progress | Answered | SuiteFinished):
        return None
    body: dict[str, object] = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "scenario": scenario,
        "event": type(event).__name__,
    }
    match event:
        case StageStarted(stage=stage):
            body["stage"] = stage
        case StageFinished(result=result):
            body |= dataclasses.asdict(result)
        case CaseFinished(case=case):
            body |= {"case_id": case.case_id, "outcome": case.outcome, "s": case.duration_s}
        case CellFinished(report=report):
            summary = report.summary
            body |= {"cell": summary.id, "qps": summary.qps, "fail_ratio": summary.fail_ratio}
        case AnswersFinished(accuracy=accuracy):
            body |= {"score": accuracy.score, "n": accuracy.n}
        case _:
            pass
    return json.dumps(body, ensure_ascii=False, default=str).encode("utf-8", "replace") + b"\n"
