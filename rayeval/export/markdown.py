"""RunReport 与 Verdict → report.md：流水线任务页上的摘要。

服务与用例送来的文字都不可信：换行、管道符、HTML、链接、控制字符一律转义，长的截短。
"""

from __future__ import annotations

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import STAGES, RunReport, ScenarioReport
from rayeval.domain.verdict import Level, Verdict
from rayeval.export.alike import alike
from rayeval.export.md_accuracy import accuracy_section
from rayeval.export.md_perf import perf_section
from rayeval.export.md_text import escape, table
from rayeval.printable import amount

MAX_CASES = 50
MAX_FINDINGS = 200

_VERDICTS = {
    0: "✅ passed",
    1: "❌ failed",
    3: "❌ no scenario became ready",
    4: "❔ inconclusive",
}
_MARKS = {
    Level.FAIL: "❌ fail",
    Level.INCONCLUSIVE: "❔ inconclusive",
    Level.WARN: "⚠️ warn",
    Level.INFO: "· info",
    Level.OK: "✅ ok",
}
_SHOWN = (Level.FAIL, Level.INCONCLUSIVE, Level.WARN, Level.INFO)


def report_md(report: RunReport, verdict: Verdict) -> bytes:
    """整次运行的摘要（GitHub 风格的 Markdown，UTF-8）。

    依次是：结论、发现、场景 × 阶段、性能（含与基线的变化）、功能、准确率；没有内容的节省略。
    """
    sections = (
        _head(report, verdict),
        _findings(verdict),
        _stages(report),
        perf_section(report, verdict),
        _functional(report),
        accuracy_section(report),
    )
    return ("\n\n".join("\n".join(lines) for lines in sections if lines) + "\n").encode()


def _head(report: RunReport, verdict: Verdict) -> list[str]:
    """结论一行，与这是哪次运行。"""
    outcome = _VERDICTS.get(verdict.exit_code, f"❌ exit code {verdict.exit_code}")
    if report.interrupted:
        outcome = "⏸ interrupted"
    elif verdict.exit_code == 0 and verdict.at(Level.WARN):
        outcome += ", with warnings"
    counts = ", ".join(
        f"{len(verdict.at(level))} {level.value}" for level in _SHOWN if verdict.at(level)
    )
    lines = [
        f"# rayeval {escape(report.run_type)}: {outcome}",
        "",
        f"Run {escape(report.run_id)} · {escape(report.started_at)} → "
        f"{escape(report.finished_at)} · {amount(len(report.scenarios), 'scenario')} · "
        f"baseline: {escape(verdict.baseline or 'none')}",
    ]
    if counts:
        lines += ["", f"Findings: {counts}."]
    if report.interrupted:
        lines += ["", "**The run was interrupted;** what it had measured is below."]
    return lines


def _findings(verdict: Verdict) -> list[str]:
    """值得看的发现，重的在前；过了的只计数。"""
    shown = alike(finding for level in _SHOWN for finding in verdict.at(level))
    passed = len(verdict.at(Level.OK))
    if not shown:
        return ["## Findings", "", f"All {amount(passed, 'check')} passed."] if passed else []
    rows = [
        (
            _MARKS[group.finding.level],
            escape(group.finding.rule),
            escape(group.finding.scenario or "run"),
            escape(group.where),
            escape(f"{group.finding.kind}: {group.message}"),
        )
        for group in shown[:MAX_FINDINGS]
    ]
    lines = ["## Findings", "", *table(" | Rule | Scenario | Where | What", rows)]
    if len(shown) > MAX_FINDINGS:
        lines += ["", f"… and {len(shown) - MAX_FINDINGS} more, see report.json."]
    return [*lines, "", f"{amount(passed, 'check')} passed."]


def _stages(report: RunReport) -> list[str]:
    """场景 × 阶段：状态与秒数。"""
    rows = [
        (escape(scenario.scenario), *(_stage_cell(scenario, name) for name in STAGES))
        for scenario in report.scenarios
    ]
    return ["## Scenarios", "", *table(" | ".join(("Scenario", *STAGES)), rows)] if rows else []


def _stage_cell(scenario: ScenarioReport, name: str) -> str:
    """一个阶段的状态；没计划的为横线，计划了没发生的直说。"""
    result = scenario.stage(name)
    if result is None:
        return "never ran" if name in scenario.planned else "–"
    return f"{result.status.value} {result.seconds:.1f} s"


def _functional(report: RunReport) -> list[str]:
    """各结局的计数，与没过的用例各自的首行。"""
    tested = [scenario for scenario in report.scenarios if scenario.cases]
    if not tested:
        return []
    rows = [
        (escape(scenario.scenario), *(str(scenario.count(outcome)) for outcome in Outcome))
        for scenario in tested
    ]
    lines = ["## Functional", "", *table(" | ".join(("Scenario", *Outcome)), rows)]
    failed = [
        (scenario.scenario, case)
        for scenario in tested
        for case in scenario.cases
        if case.outcome in (Outcome.FAIL, Outcome.ERROR)
    ]
    lines += [""] * bool(failed)
    lines += [_failed_case(scenario, case) for scenario, case in failed[:MAX_CASES]]
    if len(failed) > MAX_CASES:
        lines.append(f"- … and {len(failed) - MAX_CASES} more, see functional/")
    return lines


def _failed_case(scenario: str, case: CaseResult) -> str:
    """没过的一个用例，一行。"""
    first = next(iter(case.message.strip().splitlines()), "no message")
    return f"- {case.outcome.value} {escape(scenario)} **{escape(case.case_id)}**: {escape(first)}"
