"""裁决：逐场景跑规则，按运行类型定分量，由全部发现定退出码。"""

from __future__ import annotations

from dataclasses import replace

from rayeval.domain.report import RunReport, ScenarioReport, Status
from rayeval.domain.verdict import Finding, GateSpec, Level, Verdict
from rayeval.gate.compare import comparable
from rayeval.gate.robust import reconsider
from rayeval.gate.rows import Rows, no_rows
from rayeval.gate.rules import RULES, Rule

_SOFTENED = {("broken", Level.FAIL), ("doubtful", Level.INCONCLUSIVE)}

PASSED, FAILED, NOTHING_READY, INCONCLUSIVE = 0, 1, 3, 4
"""退出码；spec §1 的表。"""


def judge(
    now: RunReport,
    baseline: RunReport | None,
    spec: GateSpec,
    *,
    baseline_name: str | None = None,
    rows: Rows = no_rows,
    base_rows: Rows = no_rows,
) -> Verdict:
    """报告、基线、阈值 → 裁决；纯函数，同样的输入总给同样的发现，次序也同。

    PR：功能、准确率、性能越界都失败；每日：功能失败，准确率与性能只告警。
    测不成（且不是 optional）与无法定论不分运行类型。`rows` 与 `base_rows` 是两边的原始行，
    只有 robust 的看法要用。
    """
    findings = list(_run_findings(now, baseline))
    readable = baseline is None or baseline.schema_version == now.schema_version
    known = {s.scenario: s for s in baseline.scenarios} if baseline and readable else {}
    for report in now.scenarios:
        base = known.get(report.scenario)
        findings += _scenario_findings(report, base, spec, compare=readable)
    other = baseline if readable else None
    findings = reconsider(findings, now, other, spec, rows=rows, base_rows=base_rows)
    findings = [_weigh(finding, now.run_type) for finding in findings]
    return Verdict(tuple(findings), _exit_code(now, findings), baseline_name)


def _run_findings(now: RunReport, baseline: RunReport | None) -> list[Finding]:
    """属于整次运行的发现：没有场景、被中断、基线的形状版本不同。"""
    findings = []
    if not now.scenarios:
        message = "no scenario ran; nothing was judged"
        findings.append(("scenarios", Level.INCONCLUSIVE, "not_measured", message))
    if now.interrupted:
        message = "the run was interrupted; what it had measured is judged"
        findings.append(("interrupted", Level.WARN, "not_measured", message))
    findings += [
        ("resumed", Level.INFO, "resumed", f"not measured again: {words}") for words in now.resumed
    ]
    if baseline is not None and baseline.schema_version != now.schema_version:
        message = (
            "not compared with the baseline: schema_version is "
            f"{now.schema_version}, was {baseline.schema_version}"
        )
        findings.append(("comparable", Level.INCONCLUSIVE, "incomparable", message))
    return [
        Finding(rule, level, kind, "", "run", message) for rule, level, kind, message in findings
    ]


def _scenario_findings(
    now: ScenarioReport, base: ScenarioReport | None, spec: GateSpec, *, compare: bool
) -> list[Finding]:
    """一个场景的全部发现；不可比的基线不参与任何比较。"""
    findings = comparable(now, base, spec)
    if findings:
        base, compare = None, False
    for rule in RULES.values():
        if compare or not rule.compares:
            findings += rule.check(now, base, spec)
    return findings


def _weigh(finding: Finding, run_type: str) -> Finding:
    """每日运行里，性能与准确率的越界降为告警；别的运行类型都从严。"""
    rule: Rule | None = RULES.get(finding.rule)
    softened = (
        run_type == "daily"
        and rule is not None
        and rule.daily_warns
        and (finding.kind, finding.level) in _SOFTENED
    )
    return replace(finding, level=Level.WARN) if softened else finding


def _exit_code(now: RunReport, findings: list[Finding]) -> int:
    """无一场景就绪为 3，有失败为 1，没有失败而有无法定论者为 4，否则为 0。"""
    if now.scenarios and not any(_became_ready(report) for report in now.scenarios):
        return NOTHING_READY
    levels = {finding.level for finding in findings}
    if Level.FAIL in levels:
        return FAILED
    return INCONCLUSIVE if Level.INCONCLUSIVE in levels else PASSED


def _became_ready(report: ScenarioReport) -> bool:
    """这个场景的服务真的生成过；没有计划就绪阶段的（直接压一个地址）不问。"""
    stage = report.stage("ready")
    if stage is None:
        return "ready" not in report.planned
    return stage.status is Status.PASS
