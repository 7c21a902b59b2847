"""RunReport 与 Verdict → report.md：流水线任务页上的摘要。

服务与用例送来的文字都不可信：换行、管道符、HTML、链接、控制字符一律转义，长的截短。
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import NO_STATS, STAGES, CellReport, RunReport, ScenarioReport
from rayeval.domain.verdict import Level, Verdict

MAX_TEXT = 300
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
# 控制字符、零宽与改变书写方向的字符：看不见，却能让读者看错
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]+"
)
_PERF_HEADER = (
    "Scenario | Cell | TTFT avg (s) | TTFT P99 (s) | E2E P99 (s) | QPS (/s) | Output tokens/s"
    " | Failed | Certificate"
)
_ACCURACY_HEADER = (
    "Scenario | Dataset | Score | 95 % interval | Minimum | Answers | Robust score | Unparsed"
    " | Errors | Prompt | Valid"
)
_ESCAPES = {ord(char): f"\\{char}" for char in "\\`*|[]~$"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("@"): "&#64;",
}


def report_md(report: RunReport, verdict: Verdict) -> bytes:
    """整次运行的摘要（GitHub 风格的 Markdown，UTF-8）。

    依次是：结论、发现、场景 × 阶段、性能（含与基线的变化）、功能、准确率；没有内容的节省略。
    """
    sections = (
        _head(report, verdict),
        _findings(verdict),
        _stages(report),
        _perf(report, verdict),
        _functional(report),
        _accuracy(report),
    )
    return ("\n\n".join("\n".join(lines) for lines in sections if lines) + "\n").encode()


def escape(text: str, limit: int = MAX_TEXT) -> str:
    """不可信的文字 → 表格单元里的一行纯文本；超过 `limit` 个字符的截短。"""
    line = _INVISIBLE.sub(" ", text).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    return line.translate(_ESCAPES).replace("://", "&#58;//")


def _head(report: RunReport, verdict: Verdict) -> list[str]:
    """结论一行，与这是哪次运行。"""
    outcome = _VERDICTS.get(verdict.exit_code, f"❌ exit code {verdict.exit_code}")
    counts = ", ".join(
        f"{len(verdict.at(level))} {level.value}" for level in _SHOWN if verdict.at(level)
    )
    lines = [
        f"# rayeval {escape(report.run_type)}: {outcome}",
        "",
        f"Run {escape(report.run_id)} · {escape(report.started_at)} → "
        f"{escape(report.finished_at)} · {len(report.scenarios)} scenarios · "
        f"baseline: {escape(verdict.baseline or 'none')}",
    ]
    if counts:
        lines += ["", f"Findings: {counts}."]
    if report.interrupted:
        lines += ["", "**The run was interrupted;** what it had measured is below."]
    return lines


def _findings(verdict: Verdict) -> list[str]:
    """值得看的发现，重的在前；过了的只计数。"""
    shown = [finding for level in _SHOWN for finding in verdict.at(level)]
    passed = len(verdict.at(Level.OK))
    if not shown:
        return ["## Findings", "", f"All {passed} checks passed."] if passed else []
    rows = [
        (
            _MARKS[f.level],
            escape(f.rule),
            escape(f.scenario or "run"),
            escape(f.where),
            escape(f"{f.kind}: {f.message}"),
        )
        for f in shown[:MAX_FINDINGS]
    ]
    lines = ["## Findings", "", *_table(" | Rule | Scenario | Where | What", rows)]
    if len(shown) > MAX_FINDINGS:
        lines += ["", f"… and {len(shown) - MAX_FINDINGS} more, see report.json."]
    return [*lines, "", f"{passed} checks passed."]


def _stages(report: RunReport) -> list[str]:
    """场景 × 阶段：状态与秒数。"""
    rows = [
        (escape(scenario.scenario), *(_stage_cell(scenario, name) for name in STAGES))
        for scenario in report.scenarios
    ]
    return ["## Scenarios", "", *_table(" | ".join(("Scenario", *STAGES)), rows)] if rows else []


def _stage_cell(scenario: ScenarioReport, name: str) -> str:
    """一个阶段的状态；没计划的为横线，计划了没发生的直说。"""
    result = scenario.stage(name)
    if result is None:
        return "never ran" if name in scenario.planned else "–"
    return f"{result.status.value} {result.seconds:.1f} s"


def _perf(report: RunReport, verdict: Verdict) -> list[str]:
    """每个 cell 一行；有基线的指标带上相对变化。"""
    changes = {
        (f.rule, f.scenario, f.where): f.change for f in verdict.findings if f.change is not None
    }
    rows = [
        _perf_row(scenario.scenario, cell, changes)
        for scenario in report.scenarios
        for cell in scenario.cells
    ]
    if not rows:
        return []
    lines = ["## Performance", "", *_table(_PERF_HEADER, rows)]
    if changes:
        note = (
            "In brackets: the change against the baseline, over plateau samples if both have any."
        )
        lines += ["", note]
    return lines


def _perf_row(
    scenario: str, cell: CellReport, changes: Mapping[tuple[str, str, str], float]
) -> tuple[str, ...]:
    """一个 cell 的一行；延迟取全部样本，单位秒。"""
    summary = cell.summary
    ttft, e2e = summary.stats.get("ttft", NO_STATS), summary.stats.get("e2e", NO_STATS)

    def compared(rule: str, value: float | None) -> str:
        """数值，与（有的话）它相对基线的变化。"""
        change = changes.get((rule, scenario, summary.id))
        return _number(value) + ("" if change is None else f" ({change:+.1%})")

    return (
        escape(scenario),
        escape(summary.id),
        _number(ttft.avg),
        compared("ttft_p99", ttft.p99),
        compared("e2e_p99", e2e.p99),
        compared("qps", summary.qps),
        _number(summary.output_throughput),
        _percent(summary.fail_ratio),
        "ok" if cell.certificate.ok else "not ok: " + escape("; ".join(cell.certificate.reasons)),
    )


def _functional(report: RunReport) -> list[str]:
    """各结局的计数，与没过的用例各自的首行。"""
    tested = [scenario for scenario in report.scenarios if scenario.cases]
    if not tested:
        return []
    rows = [
        (escape(scenario.scenario), *(str(scenario.count(outcome)) for outcome in Outcome))
        for scenario in tested
    ]
    lines = ["## Functional", "", *_table(" | ".join(("Scenario", *Outcome)), rows)]
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


def _accuracy(report: RunReport) -> list[str]:
    """每个场景的分数、区间与各比率。"""
    rows = [
        (
            escape(scenario.scenario),
            escape(score.dataset_name + (" (debug)" if score.debug else "")),
            _number(score.score),
            f"{_number(score.low)} – {_number(score.high)}",
            _number(score.min_score),
            str(score.n),
            _number(score.robust_score),
            _percent(score.unparsed_ratio),
            _percent(score.error_ratio),
            escape(score.prompt),
            "yes" if score.valid else "no",
        )
        for scenario in report.scenarios
        if (score := scenario.accuracy) is not None
    ]
    return ["## Accuracy", "", *_table(_ACCURACY_HEADER, rows)] if rows else []


def _table(header: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """一张表的各行；单元里的文字须已转义。"""
    rule = " | ".join("---" for _ in header.split(" | "))
    return [f"| {line} |" for line in (header, rule, *(" | ".join(cells) for cells in rows))]


def _number(value: float | None) -> str:
    """四位有效数字；没有就是横线。"""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"


def _percent(ratio: float) -> str:
    """比率 → 百分数。"""
    return f"{ratio:.1%}" if math.isfinite(ratio) else "–"
