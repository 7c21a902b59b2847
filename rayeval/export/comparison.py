"""两次运行的对照 → 终端的表与 Markdown；只列与基线比过的，一行一个（场景，cell，指标）。"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rayeval.domain.report import RunReport
from rayeval.domain.verdict import Finding, Level, Verdict
from rayeval.export.alike import alike
from rayeval.export.fitted import Fitted
from rayeval.export.md_text import escape, number, table
from rayeval.export.terminal import headline
from rayeval.printable import first_line, printable

METRICS = {
    "ttft_p99": "TTFT P99 (s)",
    "e2e_p99": "E2E P99 (s)",
    "qps": "QPS (/s)",
    "fail_ratio": "Failed (ratio)",
    "accuracy": "Accuracy",
}
"""规则名 → Markdown 与页面的表里的指标名。"""

_SCALED: dict[str, tuple[str, float]] = {
    "ttft_p99": ("TTFT P99 ms", 1000.0),
    "e2e_p99": ("E2E P99 ms", 1000.0),
    "qps": ("QPS", 1.0),
    "fail_ratio": ("Failed %", 100.0),
    "accuracy": ("Accuracy", 1.0),
}
"""规则名 → 终端的表里的指标名，与数要乘的倍数。"""
_NARROWER = ((), ("Interval",), ("Interval", "Limit"), ("Interval", "Limit", "Verdict"))
"""窄的终端上依次舍哪些列；数从不剪短。"""

COMPARED = {*METRICS, "comparable", "baseline", "capabilities", "certificate"}
"""对照只管这些规则；场景有没有测成、功能过没过是 `gate` 的事。"""

HEADER = ("Scenario", "Cell", "Metric", "A", "B", "Change", "Limit", "Interval", "Verdict")
_JUSTIFY: dict[bool, Literal["left", "right"]] = {True: "left", False: "right"}
_STYLE = {Level.FAIL: "red", Level.INCONCLUSIVE: "yellow", Level.WARN: "yellow", Level.INFO: "cyan"}


def comparing(verdict: Verdict, before: RunReport) -> Verdict:
    """只留比较的发现，准确率与失败率补上 `before` 的数。

    退出码由它们定：败为 1，无法定论、或没有一个数可比为 4，否则为 0。
    """
    others = _others(before)
    kept = tuple(
        _with_base(finding, others)
        for finding in verdict.findings
        if finding.rule in COMPARED and finding.kind != "not_measured"
    )
    levels = {finding.level for finding in kept}
    code = 1 if Level.FAIL in levels else 4 if Level.INCONCLUSIVE in levels else 0
    if code == 0 and not any(f.base is not None for f in kept):
        code = 4
    return replace(verdict, findings=kept, exit_code=code)


def _others(before: RunReport) -> dict[tuple[str, ...], float]:
    """各场景的分数与各 cell 的失败率；键是规则、场景，失败率还有 cell。"""
    found: dict[tuple[str, ...], float] = {}
    for scenario in before.scenarios:
        if scenario.accuracy is not None:
            found["accuracy", scenario.scenario] = scenario.accuracy.score
        for cell in scenario.cells:
            if cell.summary.issued > 0:
                key = ("fail_ratio", scenario.scenario, cell.summary.id)
                found[key] = cell.summary.fail_ratio
    return found


def _with_base(finding: Finding, others: Mapping[tuple[str, ...], float]) -> Finding:
    """补上另一边的分数或失败率；变化是差，不是比率，所以不填。"""
    key = (finding.rule, finding.scenario)
    base = others.get(key, others.get((*key, finding.where)))
    return finding if base is None else replace(finding, base=base)


def comparison_tables(
    before: RunReport, after: RunReport, verdict: Verdict
) -> Iterator[RenderableType]:
    """终端：对照表、表里放不下的话、一句裁决。"""
    yield Text(f"A {before.run_id} ({before.run_type}) → B {after.run_id} ({after.run_type})")
    for scenario, cells in _by_cell(verdict).items():
        found = [finding for cell in cells.values() for finding in cell]
        yield Fitted([partial(_table, scenario, found, left_out) for left_out in _NARROWER])
        yield Text()
    for group in alike(_words(verdict)):
        where = " ".join(p for p in (group.finding.scenario, group.where, group.finding.rule) if p)
        words = first_line(f"{where}: {group.message}", 600)
        level = group.finding.level
        yield Text.assemble((level.value.upper(), _STYLE[level]), f" {words}")
    yield headline(verdict, interrupted=False)


def _by_cell(verdict: Verdict) -> dict[str, dict[str, list[Finding]]]:
    """场景 → cell → 它比过的数；场景与 cell 的次序同发现的。"""
    rows: dict[str, dict[str, list[Finding]]] = {}
    for finding in compared(verdict):
        rows.setdefault(finding.scenario, {}).setdefault(finding.where, []).append(finding)
    return rows


def _table(scenario: str, found: Sequence[Finding], left_out: Sequence[str]) -> Table:
    """一个场景的表，少了 `left_out` 这几列；同一个 cell 只写一次。"""
    made = Table(title=printable(scenario), title_justify="left", box=None, pad_edge=False)
    shown = [header for header in HEADER[1:] if header not in left_out]
    for header in shown:
        words = header in {"Cell", "Metric", "Verdict"}
        made.add_column(header.lower() if words else header, justify=_JUSTIFY[words], no_wrap=True)
    last = ""
    for finding in found:
        cells = dict(zip(HEADER, _short(finding), strict=True))
        if finding.where == last:
            cells["Cell"] = ""
        last = finding.where
        style = _STYLE.get(finding.level, "")
        made.add_row(*(Text(printable(cells[header]), style) for header in shown))
    return made


def _short(finding: Finding) -> tuple[str, ...]:
    """终端上的一行：毫秒与百分数，判法只写合同的。"""
    name, scale = _SCALED[finding.rule]
    sides = (None if x is None else x * scale for x in (finding.base, finding.now))
    row = _row(finding)
    return (*row[:2], name, *map(number, sides), *row[5:8], finding.kind)


def comparison_md(before: RunReport, after: RunReport, verdict: Verdict) -> bytes:
    """同样的内容，GitHub 风格的 Markdown（UTF-8）。"""
    rows = [[escape(word) for word in _row(finding)] for finding in compared(verdict)]
    lines = [
        f"## rayeval compare: exit code {verdict.exit_code}",
        "",
        f"A {escape(before.run_id)} ({escape(before.run_type)}, {escape(before.started_at)}) → "
        f"B {escape(after.run_id)} ({escape(after.run_type)}, {escape(after.started_at)})",
        "",
        *(table(" | ".join(HEADER), rows) if rows else ["Nothing was compared."]),
    ]
    notes = [
        f"- {f.level.value.upper()} {escape(_where(f))}: {escape(f.message)}"
        for f in _words(verdict)
    ]
    lines += ["", *notes] if notes else []
    return ("\n".join(lines) + "\n").encode()


def compared(verdict: Verdict) -> list[Finding]:
    """有数可列的发现。"""
    return [f for f in verdict.findings if f.rule in METRICS and f.now is not None]


def _words(verdict: Verdict) -> list[Finding]:
    """要用话说的：不是全然通过的；只列不判的数，表里有就够了。"""
    return [f for f in verdict.findings if f.level is not Level.OK and not only_told(f)]


def only_told(finding: Finding) -> bool:
    """身份不同的两边的数：一个场景已有一条说为何不判。"""
    return finding.kind == "incomparable" and finding.level is Level.INFO


def _where(finding: Finding) -> str:
    """场景、cell 与规则。"""
    return f"{finding.scenario} {finding.where} {finding.rule}"


def _row(finding: Finding) -> tuple[str, ...]:
    """一行：两边的数、变化、限、区间、两种判法。"""
    robust = f" (robust: {finding.robust})" if finding.robust else ""
    return (
        finding.scenario,
        finding.where,
        METRICS[finding.rule],
        number(finding.base),
        number(finding.now),
        _percent(finding.change),
        _limit(finding),
        "–" if finding.low is None else f"{_percent(finding.low)} … {_percent(finding.high)}",
        finding.kind + robust,
    )


def _limit(finding: Finding) -> str:
    """限：分数照写，其余是百分数；没有则为横线。"""
    if finding.threshold is None:
        return "–"
    score = finding.rule == "accuracy"
    return f"{finding.threshold:.4g}" if score else f"{finding.threshold * 100:.4g}%"


def _percent(value: float | None) -> str:
    """带号的百分数；没有则为横线。"""
    return "–" if value is None or not math.isfinite(value) else f"{value:+.1%}"
