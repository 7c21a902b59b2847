"""功能用例 → 页面上要看的：套件的计数、没过的带留痕、能力表与漂移。"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rayeval.domain.functional import CaseResult, Evidence, Outcome, Support, capability_map
from rayeval.domain.report import RunReport, ScenarioReport
from rayeval.export.jinja import shown as shortened

MOST_TROUBLES = 100
"""至多这么多个没过的用例带留痕；其余只有名字与首行。"""
MOST_EXCHANGES = 4
MOST_CHARS = 2_000
"""留痕里一段文字至多这么长；全文在 evidence.jsonl。"""


@dataclass(frozen=True, slots=True)
class Suite:
    """一个套件：各结局的个数、只有严判才怪罪的、重来的、秒数。"""

    name: str
    counts: dict[str, int]
    strict: int
    retries: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Trouble:
    """一个没过的用例；`left_out` 是没有给出的往返数。"""

    case: CaseResult
    evidence: tuple[Evidence, ...]
    left_out: int


@dataclass(frozen=True, slots=True)
class Ability:
    """能力表的一行；`before` 是基线的态度，相同或没有则为空。"""

    name: str
    support: str
    declared: str
    why: str
    before: str = ""


def suites(cases: Sequence[CaseResult]) -> list[Suite]:
    """各套件，按出现的次序。"""
    groups: dict[str, list[CaseResult]] = {}
    for case in cases:
        groups.setdefault(case.suite, []).append(case)
    return [
        Suite(
            name,
            {outcome.value: sum(c.outcome is outcome for c in group) for outcome in Outcome},
            sum(c.strict_only for c in group),
            sum(c.retries for c in group),
            sum(c.duration_s for c in group),
        )
        for name, group in groups.items()
    ]


def troubles(cases: Sequence[CaseResult]) -> list[Trouble]:
    """没过的用例，宽判没过的在前，只有严判怪罪的在后。"""
    bad = [c for c in cases if c.outcome in {Outcome.FAIL, Outcome.ERROR}]
    bad += [c for c in cases if c.strict_only]
    return [_trouble(case, shown=index < MOST_TROUBLES) for index, case in enumerate(bad)]


def _trouble(case: CaseResult, *, shown: bool) -> Trouble:
    """一个用例与它最后几次往返：毛病多半在末尾。"""
    kept = case.evidence[-MOST_EXCHANGES:] if shown else ()
    evidence = tuple(
        Evidence(
            one.method,
            one.path,
            shortened(_pretty(one.request), MOST_CHARS),
            one.status,
            shortened(_pretty(one.reply), MOST_CHARS),
        )
        for one in kept
    )
    return Trouble(case, evidence, len(case.evidence) - len(kept))


def skips(cases: Sequence[CaseResult]) -> list[tuple[str, int]]:
    """跳过的理由与个数，多的在前。"""
    reasons: dict[str, int] = {}
    for case in cases:
        if case.outcome is Outcome.SKIP:
            reasons[case.message] = reasons.get(case.message, 0) + 1
    return sorted(reasons.items(), key=lambda pair: -pair[1])


def abilities(scenario: ScenarioReport, baseline: RunReport | None) -> list[Ability]:
    """能力表，支持的在后；与基线不同的写出从前。"""
    before = {
        capability.name: capability.support.value
        for other in (baseline.scenarios if baseline is not None else ())
        if other.scenario == scenario.scenario
        for capability in capability_map(other.cases)
    }
    rows = [
        Ability(
            capability.name,
            capability.support.value,
            {None: "", True: "yes", False: "no"}[capability.declared],
            capability.why,
            _changed(before.get(capability.name, ""), capability.support),
        )
        for capability in capability_map(scenario.cases)
    ]
    return sorted(rows, key=lambda row: (not row.before, row.support == "supported", row.name))


def _changed(before: str, now: Support) -> str:
    """从前的态度；没变则为空。"""
    return "" if before == now.value else before


def _pretty(text: str) -> str:
    """是 JSON 就排开来，好读；不是就原样。"""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return text


def all_cases(cases: Sequence[CaseResult]) -> Iterator[tuple[str, str, str]]:
    """全部用例：（名字，结局，秒）。"""
    for case in cases:
        yield case.case_id, case.outcome.value, f"{case.duration_s:.2f}"
