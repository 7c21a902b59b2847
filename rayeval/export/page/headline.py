"""页面的头：过了没有，一句话，几个大数。"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rayeval.domain.functional import Outcome
from rayeval.domain.moment import moment
from rayeval.domain.report import RunReport
from rayeval.domain.verdict import Level, Verdict
from rayeval.errors import CancelledRun
from rayeval.export.page.figure import Words, both
from rayeval.printable import amount

NOTHING_READY = 3
"""无一场景就绪的退出码；spec §1。"""


@dataclass(frozen=True, slots=True)
class Tile:
    """一个大数：是什么、多少、补一句；`tone` 取 good bad warn 与空。"""

    label: Words
    value: str
    note: Words = ""
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Headline:
    """`tone` 取 good bad warn；`word` 是那一个词，`sentence` 是那一句话，`code` 是退出码。"""

    tone: str
    word: Words
    sentence: Words
    tiles: tuple[Tile, ...]
    code: int


def headline(report: RunReport, verdict: Verdict) -> Headline:
    """裁决 → 页面的头。"""
    tone, word = _word(report, verdict)
    code = CancelledRun.exit_code if report.interrupted else verdict.exit_code
    tiles = tuple(_tiles(report, verdict))
    return Headline(tone, word, _sentence(report, verdict), tiles, code)


def _word(report: RunReport, verdict: Verdict) -> tuple[str, Words]:
    """一个词。"""
    if report.interrupted:
        return "warn", both("INTERRUPTED", "已中断")
    if verdict.exit_code == 0:
        warned = bool(verdict.at(Level.WARN))
        words = both("PASS, with warnings", "通过，有告警") if warned else both("PASS", "通过")
        return "good", words
    if verdict.exit_code == 1:
        return "bad", both("FAIL", "不通过")
    if verdict.exit_code == NOTHING_READY:
        return "bad", both("NOTHING MEASURED", "什么也没测成")
    return "warn", both("INCONCLUSIVE", "无法定论")


def _sentence(report: RunReport, verdict: Verdict) -> Words:
    """一句话：为什么是这个词。"""
    if report.interrupted:
        return both(
            "The run was interrupted; what it had measured is below.",
            "运行被中断；已测到的都在下面。",
        )
    counts = [(level, len(verdict.at(level))) for level in (Level.FAIL, Level.INCONCLUSIVE)]
    counts += [(Level.WARN, len(verdict.at(Level.WARN)))]
    told = [(level, count) for level, count in counts if count]
    if not told:
        passed = len(verdict.at(Level.OK))
        return both(f"All {amount(passed, 'check')} passed.", f"{passed} 项检查全部通过。")
    zh = {Level.FAIL: "项不通过", Level.INCONCLUSIVE: "项无法定论", Level.WARN: "项告警"}
    en = {Level.FAIL: "failed", Level.INCONCLUSIVE: "inconclusive", Level.WARN: "to look at"}
    return both(
        "Checks: " + ", ".join(f"{count} {en[level]}" for level, count in told) + ".",
        "检查：" + "，".join(f"{count} {zh[level]}" for level, count in told) + "。",
    )


def _tiles(report: RunReport, verdict: Verdict) -> Iterator[Tile]:
    """场景、功能、压测、准确率、用时。"""
    scenarios = report.scenarios
    whole = sum(scenario.complete for scenario in scenarios)
    yield Tile(
        both("Scenarios measured", "测成的场景"),
        f"{whole}/{len(scenarios)}",
        tone="good" if whole == len(scenarios) else "bad",
    )
    yield from _functional(report)
    yield from _cells(report, verdict)
    yield from _scores(report)
    begun, ended = moment(report.started_at), moment(report.finished_at)
    if begun is not None and ended is not None:
        yield Tile(both("Duration", "用时"), _span((ended - begun).total_seconds()))


def _functional(report: RunReport) -> Iterator[Tile]:
    """功能用例过了多少。"""
    cases = [case for scenario in report.scenarios for case in scenario.cases]
    if not cases:
        return
    passed = sum(case.outcome is Outcome.PASS for case in cases)
    skipped = sum(case.outcome is Outcome.SKIP for case in cases)
    bad = len(cases) - passed - skipped
    note = both(f"{bad} not passed, {skipped} skipped", f"{bad} 没过，{skipped} 跳过")
    tone = "bad" if bad else "good"
    yield Tile(both("Functional cases", "功能用例"), f"{passed}/{len(cases)}", note, tone)


def _cells(report: RunReport, verdict: Verdict) -> Iterator[Tile]:
    """压测了多少 cell，几个越了限，几个不作数。"""
    cells = [cell for scenario in report.scenarios for cell in scenario.cells]
    if not cells:
        return
    rules = {"ttft_p99", "e2e_p99", "qps", "fail_ratio"}
    found = [
        finding
        for finding in verdict.at(Level.FAIL, Level.INCONCLUSIVE, Level.WARN)
        if finding.rule in rules and finding.kind in {"broken", "doubtful"}
    ]
    beyond = {(finding.scenario, finding.where) for finding in found}
    failed = any(finding.level is Level.FAIL for finding in found)
    void = sum(not cell.certificate.ok for cell in cells)
    note = both(
        f"{len(beyond)} beyond a limit, {void} not certified",
        f"{len(beyond)} 个越限，{void} 个证书无效",
    )
    tone = "bad" if failed else "warn" if beyond or void else "good"
    yield Tile(both("Load cells", "压测 cell"), str(len(cells)), note, tone)


def _scores(report: RunReport) -> Iterator[Tile]:
    """准确率：只有一个场景时写分数，多了写几个达标。"""
    scores = [s.accuracy for s in report.scenarios if s.accuracy is not None]
    if not scores:
        return
    reached = sum(score.ok for score in scores)
    held = any(score.reached for score in scores)
    tone = "bad" if reached < len(scores) else "good" if held else ""
    label = both("Accuracy", "准确率")
    if len(scores) > 1:
        yield Tile(label, f"{reached}/{len(scores)}", both("reached", "达标"), tone)
        return
    score = scores[0]
    interval = f"95 % [{score.low:.3f}, {score.high:.3f}]"
    yield Tile(label, f"{score.score:.3f}", interval, tone)


def _span(seconds: float) -> str:
    """一段时间：59 s、12 min 5 s、3 h 4 min。"""
    whole = round(seconds)
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
