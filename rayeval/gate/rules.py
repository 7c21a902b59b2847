"""门禁的规则表：每条规则是纯函数（现在，基线，阈值）→ 发现；新规则在 RULES 里加一行。"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rayeval.domain.accuracy import Accuracy
from rayeval.domain.functional import Outcome
from rayeval.domain.report import CellReport, ScenarioReport, StageResult, Status
from rayeval.domain.verdict import Finding, GateSpec, Level
from rayeval.gate.compare import baseline_present, beyond, e2e_p99, qps, ttft_p99
from rayeval.gate.drift import drift

Check = Callable[[ScenarioReport, ScenarioReport | None, GateSpec], list[Finding]]

_UNMEASURED = (Status.ERROR, Status.SKIPPED, Status.CANCELLED)
_MOST_UNPARSED = 0.5
_JUDGED = ("functional", "perf", "accuracy")


@dataclass(frozen=True, slots=True)
class Rule:
    """一条规则。

    `compares` 的规则需要可比的基线，不可比时不运行；
    `daily_warns` 的规则在每日运行里只告警，「PR 低于阈值失败；每日仅告警」。
    """

    check: Check
    compares: bool = False
    daily_warns: bool = False


def stages(now: ScenarioReport, _: ScenarioReport | None, __: GateSpec) -> list[Finding]:
    """计划的阶段都要发生过；没发生、ERROR、SKIPPED、CANCELLED 各一条 not_measured。

    功能、性能、准确率阶段的 FAIL 由各自的规则判，其余阶段的 FAIL 也算没有测成。
    """
    names = (*now.planned, *(s.stage for s in now.stages if s.stage not in now.planned))
    findings = [
        Finding(
            "stages", _unmeasured(now), "not_measured", now.scenario, name, _why(now.stage(name))
        )
        for name in names
        if _lost(name, now)
    ]
    if findings:
        return findings
    return [
        Finding("stages", Level.OK, "passed", now.scenario, "scenario", f"{len(names)} stages ran")
    ]


def functional(now: ScenarioReport, _: ScenarioReport | None, spec: GateSpec) -> list[Finding]:
    """功能必须全过（按配置的判法）：每个 FAIL、ERROR 的用例一条；一个都没真正跑也不算过。"""
    strict = spec.functional == "strict"
    bad = [
        Finding(
            "functional",
            Level.FAIL,
            "broken",
            now.scenario,
            case.case_id,
            _case_line(case.said(strict=strict)),
        )
        for case in now.cases
        if case.verdict(strict=strict) in (Outcome.FAIL, Outcome.ERROR)
    ]
    stage = now.stage("functional")
    if bad or not _ran("functional", now, stage):
        return bad
    passed, skipped = now.count(Outcome.PASS), now.count(Outcome.SKIP)
    where = "functional"
    if passed == 0:
        message = f"no case ran ({skipped} skipped); zero cases prove nothing"
        return [
            Finding("functional", _unmeasured(now), "not_measured", now.scenario, where, message)
        ]
    if stage is not None and stage.status is Status.FAIL:
        return [Finding("functional", Level.FAIL, "broken", now.scenario, where, _why(stage))]
    message = f"{passed} passed, {skipped} skipped"
    return [Finding("functional", Level.OK, "passed", now.scenario, where, message)]


def perf(now: ScenarioReport, _: ScenarioReport | None, __: GateSpec) -> list[Finding]:
    """压测阶段要有 cell，且自己没有宣布失败。"""
    stage = now.stage("perf")
    if not _ran("perf", now, stage):
        return []
    if not now.cells:
        message = "the stage ended without a single cell"
        return [Finding("perf", _unmeasured(now), "not_measured", now.scenario, "perf", message)]
    if stage is not None and stage.status is Status.FAIL:
        return [Finding("perf", Level.FAIL, "broken", now.scenario, "perf", _why(stage))]
    return []


def certificate(now: ScenarioReport, base: ScenarioReport | None, spec: GateSpec) -> list[Finding]:
    """发生器没守约的 cell 不作数，既不能过也不能挂：这边、基线那边各一条 uncertified。

    本来就没有基线可比、失败率也在限内的，没有裁决被它挡住，只告警。
    """
    known = {cell.summary.id for cell in base.cells} if base is not None else set()
    measured = {cell.summary.id for cell in now.cells}
    suspects: list[tuple[str, CellReport]] = [("the", cell) for cell in now.cells]
    if base is not None:
        suspects += [("the baseline's", cell) for cell in base.cells if cell.summary.id in measured]
    findings = []
    for whose, cell in suspects:
        if not cell.certificate.ok:
            reasons = "; ".join(cell.certificate.reasons) or "no reason recorded"
            message = f"{whose} load generator did not keep its promise: {reasons}"
            where = cell.summary.id
            harmless = where not in known and cell.summary.fail_ratio <= spec.max_fail_ratio
            level = Level.WARN if harmless else Level.INCONCLUSIVE
            findings.append(
                Finding("certificate", level, "uncertified", now.scenario, where, message)
            )
    return findings


def fail_ratio(now: ScenarioReport, _: ScenarioReport | None, spec: GateSpec) -> list[Finding]:
    """每个守约 cell 的失败率不越过 `max_fail_ratio`；一个请求都没发就是没有测成。"""
    return [_cell_fail_ratio(now, cell, spec) for cell in now.cells if cell.certificate.ok]


def accuracy(now: ScenarioReport, _: ScenarioReport | None, __: GateSpec) -> list[Finding]:
    """准确率要有效，且不低于 `min_score`（相等算达到）。"""
    stage, result = now.stage("accuracy"), now.accuracy
    if result is None:
        if not _ran("accuracy", now, stage):
            return []
        message = "the stage ended without a score"
        return [
            Finding("accuracy", _unmeasured(now), "not_measured", now.scenario, "accuracy", message)
        ]
    where, score, least = result.dataset_name, result.score, result.min_score
    limit = "no min_score" if least is None else f"min_score {least:.4g}"
    message = f"score {score:.4g} over {result.n} answers, {limit}"
    kind, level = "passed", Level.OK
    if not result.valid:
        kind, level = "broken", Level.FAIL
        message = f"the score is invalid: {result.error_ratio:.1%} of the requests failed"
    elif not math.isfinite(score):
        kind, level = "not_measured", Level.INCONCLUSIVE
    elif least is not None and beyond(least - score, 0.0):
        kind, level = "broken", Level.FAIL
    elif stage is not None and stage.status is Status.FAIL:
        kind, level, message = "broken", Level.FAIL, _why(stage)
    return [
        Finding("accuracy", level, kind, now.scenario, where, message, now=score, threshold=least),
        *_unread(now.scenario, result),
        *_paired(now.scenario, result),
    ]


def _unread(scenario: str, result: Accuracy) -> list[Finding]:
    """多半的回答读不出答案：分数说的是格式，不是学问。只告警。"""
    share = result.unparsed_ratio
    if not share > _MOST_UNPARSED:
        return []
    cause = (
        "max_tokens is too small" if result.truncated_ratio > _MOST_UNPARSED else "see the answers"
    )
    message = f"{share:.0%} of the answers name no option, so the score says little; {cause}"
    return [Finding("accuracy_unparsed", Level.WARN, "doubtful", scenario, "accuracy", message)]


def _paired(scenario: str, result: Accuracy) -> list[Finding]:
    """与基线逐题配对：差别不像碰巧才说。只告警：分数的门槛是 min_score。"""
    paired = result.paired
    if paired is None or not paired.significant:
        return []
    worse = paired.difference < 0
    level, kind = (Level.WARN, "broken") if worse else (Level.INFO, "improved")
    message = (
        f"score {'fell' if worse else 'rose'} by {abs(paired.difference):.4g} over {paired.n} "
        f"paired answers: {paired.lost} lost, {paired.won} won, p = {paired.p_value:.2g}"
    )
    return [
        Finding(
            "accuracy_paired",
            level,
            kind,
            scenario,
            result.dataset_name,
            message,
            now=result.score,
            base=result.score - paired.difference,
        )
    ]


RULES: Mapping[str, Rule] = MappingProxyType(
    {
        "stages": Rule(stages),
        "functional": Rule(functional),
        "accuracy": Rule(accuracy, daily_warns=True),
        "perf": Rule(perf, daily_warns=True),
        "certificate": Rule(certificate),
        "fail_ratio": Rule(fail_ratio, daily_warns=True),
        "capabilities": Rule(drift, compares=True),
        "baseline": Rule(baseline_present, compares=True),
        "ttft_p99": Rule(ttft_p99, compares=True, daily_warns=True),
        "e2e_p99": Rule(e2e_p99, compares=True, daily_warns=True),
        "qps": Rule(qps, compares=True, daily_warns=True),
    }
)
"""规则名 → 规则，按发现的次序。"""


def _cell_fail_ratio(now: ScenarioReport, cell: CellReport, spec: GateSpec) -> Finding:
    """一个 cell 的失败率。"""
    summary, limit = cell.summary, spec.max_fail_ratio
    ratio = summary.fail_ratio
    if summary.issued <= 0:
        message = "no request was issued"
        where = summary.id
        return Finding("fail_ratio", _unmeasured(now), "not_measured", now.scenario, where, message)
    if not math.isfinite(ratio) or ratio < 0:
        message = f"the failure ratio of {summary.issued} requests is undefined"
        level = Level.INCONCLUSIVE
        return Finding("fail_ratio", level, "not_measured", now.scenario, summary.id, message)
    broken = beyond(ratio, limit)
    classes = ", ".join(f"{name} {n}" for name, n in sorted(summary.errors.items()))
    message = (
        f"{summary.failed} of {summary.issued} requests failed ({ratio:.1%}), limit {limit:.1%}"
    )
    return Finding(
        "fail_ratio",
        Level.FAIL if broken else Level.OK,
        "broken" if broken else "passed",
        now.scenario,
        summary.id,
        f"{message}: {classes}" if classes else message,
        now=ratio,
        threshold=limit,
    )


def _ran(name: str, now: ScenarioReport, stage: StageResult | None) -> bool:
    """这个阶段真的走完了（PASS 或 FAIL）；没走完的由 stages 规则去说。"""
    return name in now.planned and stage is not None and stage.status not in _UNMEASURED


def _lost(name: str, now: ScenarioReport) -> bool:
    """这个阶段没有测成；服务没起来过就没有什么可收，缺 teardown 不另报。"""
    stage = now.stage(name)
    if stage is None:
        launch = now.stage("launch")
        return name != "teardown" or launch is None or launch.status is Status.PASS
    return stage.status in _UNMEASURED or (stage.status is Status.FAIL and name not in _JUDGED)


def _why(stage: StageResult | None) -> str:
    """一个阶段为何不是 PASS，一行。"""
    if stage is None:
        return "the stage was planned and never ran"
    reason = _case_line(stage.reason)
    return f"{stage.status.value}: {reason}" if stage.reason.strip() else stage.status.value


def _case_line(message: str) -> str:
    """说明的首行；没有说明也要有一句话。"""
    lines = message.strip().splitlines()
    return lines[0] if lines else "no message"


def _unmeasured(now: ScenarioReport) -> Level:
    """没有测成的分量：矩阵里标了 optional 的只告警。"""
    return Level.WARN if now.optional else Level.FAIL
