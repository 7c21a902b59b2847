"""几个场景各自的裁决：一个场景一行，为什么不过也在这一行。"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rayeval.domain.report import RunReport, ScenarioReport, Status
from rayeval.domain.verdict import Finding, Level, Verdict
from rayeval.printable import first_line

LONGEST_WHY = 300


def scenario_verdicts(report: RunReport, verdict: Verdict) -> Iterator[RenderableType]:
    """只有一个场景时它的裁决就是整次的，不必再说。"""
    if len(report.scenarios) < 2:  # noqa: PLR2004 同上
        return
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(overflow="fold")
    table.add_column(no_wrap=True)
    table.add_column(ratio=1)
    for scenario in report.scenarios:
        findings = [f for f in verdict.findings if f.scenario == scenario.scenario]
        word, style, why = _outcome(scenario, findings)
        table.add_row(
            Text(scenario.scenario), Text(word, style), Text(first_line(why, LONGEST_WHY))
        )
    yield table


def _outcome(scenario: ScenarioReport, findings: Sequence[Finding]) -> tuple[str, str, str]:
    """（一个词，样式，缘故）。没走完就被叫停的不算它的错；停之前已经错的还是说。"""
    if any(result.status is Status.CANCELLED for result in scenario.stages):
        known = [f for f in findings if f.level is Level.FAIL and f.rule != "stages"]
        return "INTERRUPTED", "bold yellow", _why(known)
    for level, word, style in _WORDS:
        bad = [finding for finding in findings if finding.level is level]
        if bad:
            return word, style, _why(bad)
    warned = [finding for finding in findings if finding.level is Level.WARN]
    if not scenario.complete:
        return "NOT MEASURED", "bold yellow", _why(warned) or "not every planned stage ran"
    return "PASS", "bold green", f"with warnings: {_why(warned)}" if warned else ""


_WORDS = (
    (Level.FAIL, "FAIL", "bold red"),
    (Level.INCONCLUSIVE, "INCONCLUSIVE", "bold yellow"),
)


def _why(findings: Sequence[Finding]) -> str:
    """都出自一条规则就是头一条的话与还有几条；出自几条规则就数各自的条数。"""
    if not findings:
        return ""
    counts = Counter(finding.rule for finding in findings)
    if len(counts) > 1:
        return ", ".join(rule if n == 1 else f"{rule} × {n}" for rule, n in counts.items())
    first, more = findings[0], len(findings) - 1
    where = f" {first.where}" if first.where not in {"", first.rule} else ""
    tail = f" (+ {more} more)" if more else ""
    return f"{first.rule}{where}: {first_line(first.message)}{tail}"
