"""裁决的组合：找基线、重置、原始行、判；`run`、`gate`、`compare` 共用。"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rayeval import config
from rayeval.domain.report import RunReport
from rayeval.domain.verdict import BaselineReset, Finding, GateSpec, Verdict
from rayeval.errors import UsageError
from rayeval.export import comparison, report_json, terminal
from rayeval.export.markdown import report_md
from rayeval.gate.baseline import find_baseline, passed_over
from rayeval.gate.judge import judge
from rayeval.gate.reset import apply_resets
from rayeval.gate.rows import Rows, no_rows, stored_rows

_log = logging.getLogger(__name__)
FIRST_RUN = "the first complete daily run (--run-type daily) becomes it"


@dataclass(frozen=True, slots=True)
class Reference:
    """与谁比：基线（没有找到为 None）、它的名字、重置留下的话；`sought` 是找没找过。

    `why_none` 是没有找到的缘故，一句话。
    """

    report: RunReport | None = None
    name: str | None = None
    notes: tuple[Finding, ...] = ()
    sought: bool = False
    why_none: str = ""

    @property
    def root(self) -> Path | None:
        """基线的产物目录；没有基线为 None。"""
        return None if self.name is None else root_of(Path(self.name))

    def pair(self, now: RunReport, root: Path) -> RunReport:
        """与基线逐题配对过的报告；`root` 是 `now` 的产物目录。没有基线则原样。"""
        if self.report is None or self.name is None:
            return now
        from rayeval.pipeline.pairing import pair_up

        return pair_up(now, root, self.report, Path(self.name))

    def judge(self, now: RunReport, gate: GateSpec, root: Path) -> Verdict:
        """裁决；`root` 是 `now` 的产物目录，原始行在里头。没有去找基线，就不说没有找到。"""
        base_rows: Rows = no_rows
        if self.report is not None and self.root is not None:
            base_rows = stored_rows(self.report, self.root)
        verdict = judge(
            now,
            self.report,
            gate,
            baseline_name=self.name,
            rows=stored_rows(now, root),
            base_rows=base_rows,
        )
        findings = (*self.notes, *verdict.findings)
        if not self.sought:
            findings = tuple(f for f in findings if f.kind != "missing_baseline")
        if self.why_none:
            findings = tuple(map(self._explained, findings))
        return dataclasses.replace(verdict, findings=findings)

    def _explained(self, finding: Finding) -> Finding:
        """没有基线的发现，补上缘故。"""
        if finding.kind != "missing_baseline":
            return finding
        return dataclasses.replace(finding, message=f"{finding.message}; {self.why_none}")


@dataclass(frozen=True, slots=True)
class Judged:
    """判过的一次存盘的运行：配过对的报告、裁决、与谁比、report.json 在哪。"""

    report: RunReport
    verdict: Verdict
    reference: Reference
    file: Path


def find_reference(
    place: Path | None,
    resets: Sequence[BaselineReset],
    *,
    named: bool,
    exclude_run_id: str | None = None,
    run_type: str = "",
) -> Reference:
    """到 `place` 去找基线（None 不找）；`named` 是用户点的名，不存在就抛 UsageError。

    被重置的场景从基线里去掉。`run_type` 是本次运行的类型：点了名的目录里，只测一个阶段的运行
    也与上一次同样的比。
    """
    if place is None:
        return Reference()
    if not named and not place.exists():
        return Reference(sought=True, why_none=FIRST_RUN)
    like = run_type if named and run_type not in config.RUN_TYPES else ""
    found = find_baseline(place, report_json.decode, exclude_run_id=exclude_run_id, like=like)
    if found is None:
        if named:
            wanted = f"{like} run that finished" if like else "complete daily run, all cases passed"
            _log.warning("--baseline %s: no %s is there; nothing to compare with", place, wanted)
        why = passed_over(place, report_json.decode, exclude_run_id=exclude_run_id) or FIRST_RUN
        return Reference(sought=True, why_none=why)
    report, name = found
    remaining = apply_resets(report, resets)
    return Reference(remaining.baseline, name, remaining.findings, sought=True)


def judge_stored(
    stored: Path,
    baseline: Path | None,
    config_dir: Path | None,
    console: Console,
    *,
    as_json: bool,
    markdown: Path | None = None,
) -> int:
    """对存盘的报告再判一次，说出来，返回退出码。

    `markdown` 是要接上 report.md 的文件（流水线的任务摘要）。
    """
    again = judge_again(stored, baseline, config_dir)
    verdict = again.verdict
    if markdown is not None:
        append_to(markdown, report_md(again.report, verdict))
    if as_json:
        print_json(verdict, console)
    else:
        for renderable in terminal.summary(again.report, verdict):
            console.print(renderable, highlight=False)
    return verdict.exit_code


def judge_again(stored: Path, baseline: Path | None, config_dir: Path | None) -> Judged:
    """存盘的报告与对它的裁决；阈值与重置取自配置，没给则用默认。"""
    report, file = load_stored(stored)
    root = root_of(file)
    gate, resets = settings(config_dir, report.run_type)
    reference = find_reference(
        baseline or root,
        resets,
        named=baseline is not None,
        exclude_run_id=report.run_id,
        run_type=report.run_type,
    )
    report = reference.pair(report, root)
    return Judged(report, reference.judge(report, gate, root), reference, file)


def judge_between(before: Path, after: Path, config_dir: Path | None) -> tuple[RunReport, Judged]:
    """两次存盘的运行，后一次比前一次：从严判，不分运行类型，只留比较的发现；前一次的报告也给。

    `before`、`after` 各是 report.json、它的目录，或产物目录（取其中最新的一次）。
    """
    base, base_file = load_stored(before)
    now, now_file = load_stored(after)
    gate, resets = settings(config_dir, now.run_type)
    remaining = apply_resets(base, resets)
    reference = Reference(remaining.baseline, str(base_file), remaining.findings, sought=True)
    root = root_of(now_file)
    now = reference.pair(now, root)
    strict = dataclasses.replace(now, run_type="compare")
    verdict = comparison.comparing(reference.judge(strict, gate, root), base)
    return base, Judged(now, verdict, reference, now_file)


def load_stored(place: Path) -> tuple[RunReport, Path]:
    """一份存盘的报告与它的文件。"""
    file = stored_report(place)
    return report_json.decode(file.read_bytes(), str(file)), file


def stored_report(place: Path) -> Path:
    """存盘的运行 → report.json：文件、它的目录，或产物目录（取最新的一次）；没有抛 UsageError。"""
    file = place / "report.json" if place.is_dir() else place
    if not file.is_file():
        found = sorted(place.glob("runs/*/report.json"), key=lambda path: path.parent.name)
        if not found:
            _refuse_unfinished(place)
            message = f"{place}: no report.json there; name a stored run, or its artifacts"
            raise UsageError(message)
        file = found[-1]
    return file


def _refuse_unfinished(place: Path) -> None:
    """目录里只有没走完的运行：说怎样接着跑，抛 UsageError。"""
    for command in sorted(place.glob("runs/*/command.json"), reverse=True):
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            run_id = json.loads(command.read_text(encoding="utf-8"))["run_id"]
            message = f"{place}: run {run_id} has not finished; go on with --resume {run_id}"
            raise UsageError(message)


def settings(config_dir: Path | None, run_type: str) -> tuple[GateSpec, tuple[BaselineReset, ...]]:
    """阈值与重置；没有配置则是默认与没有。"""
    if config_dir is None:
        return GateSpec(), ()
    env = dict(os.environ)
    return config.load_gate(config_dir, run_type, env), config.load_resets(config_dir, env)


def root_of(file: Path) -> Path:
    """`{root}/runs/{ts}/report.json` → 产物目录。"""
    return file.resolve().parent.parent.parent


def print_json(verdict: Verdict, console: Console) -> None:
    """裁决写成一个 JSON 对象。"""
    body = {"exit_code": verdict.exit_code, "baseline": verdict.baseline}
    findings = [dataclasses.asdict(finding) for finding in verdict.findings]
    console.file.write(json.dumps(body | {"findings": findings}, default=str) + "\n")


def append_to(path: Path, data: bytes) -> None:
    """写一份用户点名的文件；接在末尾，好直接写进流水线的任务摘要。"""
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        message = f"--markdown {path}: {error.strerror}; name a file that can be written"
        raise UsageError(message) from error
