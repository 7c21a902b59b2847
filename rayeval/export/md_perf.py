"""report.md 的性能一节：一行一个 cell，有内容的列才出现，其下是要说的话。"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rayeval.domain.report import NO_STATS, CellReport, RunReport, Stats
from rayeval.domain.verdict import Verdict
from rayeval.export.cell_notes import THIN_LEGEND, THIN_MARK, cell_notes, has_thin_p99
from rayeval.export.md_text import escape, number, percent, table

Changes = Mapping[tuple[str, str, str], float]
"""（规则，场景，cell）→ 相对基线的变化。"""


@dataclass(frozen=True, slots=True)
class _Line:
    """表里的一行要看的东西。"""

    scenario: str
    cell: CellReport
    changes: Changes

    def stats(self, key: str) -> Stats:
        """一族统计，取全部样本。"""
        return self.cell.summary.stats.get(key, NO_STATS)

    def compared(self, rule: str, value: float | None) -> str:
        """数值，与（有的话）它相对基线的变化。"""
        change = self.changes.get((rule, self.scenario, self.cell.summary.id))
        return number(value) + ("" if change is None else f" ({change:+.1%})")

    def p99(self, rule: str, key: str) -> str:
        """P99，样本不足的带记号。"""
        mark = f"\\{THIN_MARK}" if self.stats(key).p99_is_thin else ""
        return self.compared(rule, self.stats(key).p99) + mark


_Column = tuple[str, Callable[[_Line], str]]


def perf_section(report: RunReport, verdict: Verdict) -> list[str]:
    """各 cell 的表；有基线的指标带上相对变化，延迟的单位是秒。没有 cell 则为空。"""
    changes = {
        (f.rule, f.scenario, f.where): f.change for f in verdict.findings if f.change is not None
    }
    lines = [_Line(s.scenario, cell, changes) for s in report.scenarios for cell in s.cells]
    if not lines:
        return []
    columns = _columns(lines)
    rows = [[show(line) for _, show in columns] for line in lines]
    text = ["## Performance", "", *table(" | ".join(header for header, _ in columns), rows)]
    if changes:
        note = (
            "In brackets: the change against the baseline, over plateau samples if both have any."
        )
        text += ["", note]
    if any(has_thin_p99(line.cell, "ttft", "e2e") for line in lines):
        text += ["", f"\\{THIN_LEGEND}"]
    notes = [note for line in lines for note in _notes(line)]
    return [*text, "", *notes] if notes else text


def _columns(lines: list[_Line]) -> list[_Column]:
    """要显示的列：服务的 TTFT 与 goodput 有了才显示。"""
    server: _Column = ("Server TTFT avg (s)", lambda x: number(x.stats("server_ttft").avg))
    good: _Column = ("Good", _good)
    any_server = any(line.stats("server_ttft").avg is not None for line in lines)
    any_good = any(line.cell.summary.good_ratio is not None for line in lines)
    return [
        ("Scenario", lambda x: escape(x.scenario)),
        ("Cell", lambda x: escape(x.cell.summary.id)),
        ("TTFT avg (s)", lambda x: number(x.stats("ttft").avg)),
        *([server] if any_server else []),
        ("TTFT P99 (s)", lambda x: x.p99("ttft_p99", "ttft")),
        ("E2E P99 (s)", lambda x: x.p99("e2e_p99", "e2e")),
        ("QPS (/s)", lambda x: x.compared("qps", x.cell.summary.qps)),
        *([good] if any_good else []),
        ("Output tokens/s", lambda x: number(x.cell.summary.output_throughput)),
        ("Failed", lambda x: percent(x.cell.summary.fail_ratio)),
        ("Certificate", _certificate),
    ]


def _good(line: _Line) -> str:
    """达到目标的：每秒几个，占发出的多少。"""
    summary = line.cell.summary
    if summary.good_ratio is None:
        return "–"
    return f"{number(summary.good_qps)}/s ({percent(summary.good_ratio)})"


def _certificate(line: _Line) -> str:
    """守约与否，与理由。"""
    certificate = line.cell.certificate
    if not certificate.ok:
        return "not ok: " + escape("; ".join(certificate.reasons))
    return "ok" if certificate.judged else "short"


def _notes(line: _Line) -> list[str]:
    """一个 cell 要说的话，一条一行。"""
    where = f"{escape(line.scenario)} {escape(line.cell.summary.id)}"
    return [f"- {where}: {escape(note)}" for note in cell_notes(line.cell)]
