"""与谁比：到哪里去找基线，找到的怎样用，没有找到为何。"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rayeval import config
from rayeval.domain.moment import unix_time
from rayeval.domain.report import RunReport
from rayeval.domain.verdict import BaselineReset, Finding, GateSpec, Verdict
from rayeval.export import report_json
from rayeval.gate.baseline import Wanted, find_baseline, passed_over, unfit
from rayeval.gate.judge import judge
from rayeval.gate.reset import apply_resets
from rayeval.gate.rows import Rows, no_rows, stored_rows

_log = logging.getLogger(__name__)
FIRST_RUN = (
    "the first daily run (--run-type daily) that is complete, without a failed functional case, "
    "becomes it"
)


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
            why = self.why_none + _nor_this(now)
            findings = tuple(_explained(finding, why) for finding in findings)
        return dataclasses.replace(verdict, findings=findings)


def _nor_this(now: RunReport) -> str:
    """每日的运行自己成不了基线时，说为何。"""
    trouble = unfit(now) if now.run_type == "daily" else None
    return f"; this one does not: {trouble}" if trouble else ""


def _explained(finding: Finding, why: str) -> Finding:
    """没有基线的发现，补上缘故。"""
    if finding.kind != "missing_baseline":
        return finding
    return dataclasses.replace(finding, message=f"{finding.message}; {why}")


def find_reference(
    place: Path | None, resets: Sequence[BaselineReset], wanted: Wanted, *, named: bool
) -> Reference:
    """到 `place` 去找基线（None 不找）；`named` 是用户点的名，不存在就抛 UsageError。

    被重置的场景从基线里去掉。`wanted.stage` 只在点了名的目录里作数：没点名的只与每日的比。
    """
    if place is None:
        return Reference()
    if not named:
        if not place.exists():
            return Reference(sought=True, why_none=FIRST_RUN)
        wanted = dataclasses.replace(wanted, stage="")
    found = find_baseline(place, report_json.decode, wanted)
    if found is None:
        if named:
            stage = f"{wanted.stage} run that finished"
            what = stage if wanted.stage else "complete daily run, all cases passed"
            _log.warning("--baseline %s: no %s is there; nothing to compare with", place, what)
        why = passed_over(place, report_json.decode, wanted) or FIRST_RUN
        return Reference(sought=True, why_none=why)
    report, name = found
    remaining = apply_resets(report, resets)
    return Reference(remaining.baseline, name, remaining.findings, sought=True)


def wanted_by(
    run_id: str, run_type: str, scenarios: Iterable[str], started_at: str | None = None
) -> Wanted:
    """一次运行要什么样的基线；`started_at` 只有存盘的运行才有：不与后来的比。"""
    return Wanted(
        run_id=run_id,
        before=None if started_at is None else unix_time(started_at),
        scenarios=frozenset(scenarios),
        stage="" if run_type in config.RUN_TYPES else run_type,
    )


def root_of(file: Path) -> Path:
    """`{root}/runs/{ts}/report.json` → 产物目录。"""
    return file.resolve().parent.parent.parent
