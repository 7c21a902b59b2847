"""点名要比的两次运行，身份可以不同：数照列，只说不判，也从不是无声的通过。"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from rayeval.domain.report import RunReport, ScenarioReport
from rayeval.domain.verdict import Finding, GateSpec, Level
from rayeval.gate.compare import comparable
from rayeval.gate.rules import RULES


def differing(now: RunReport, base: RunReport) -> dict[str, Finding]:
    """身份不同的场景 → 一条 incomparable，写明哪些键不同、各是什么。"""
    known = {scenario.scenario: scenario for scenario in base.scenarios}
    found = {}
    for scenario in now.scenarios:
        for finding in comparable(scenario, known.get(scenario.scenario), GateSpec()):
            told = finding.message.partition(": ")[2]
            message = f"not the same service, so its numbers are shown and not judged: {told}"
            found[scenario.scenario] = replace(finding, message=message)
    return found


def alike(base: RunReport, now: RunReport) -> RunReport:
    """`base`，各场景借来 `now` 里同名场景的身份：规则于是照比。"""
    known = {scenario.scenario: scenario for scenario in now.scenarios}
    borrowed = (_as(s, known.get(s.scenario, s)) for s in base.scenarios)
    return replace(base, scenarios=tuple(borrowed))


def unjudged(findings: Iterable[Finding], differing: dict[str, Finding]) -> Iterator[Finding]:
    """身份不同的场景：比出来的一概不算数，前面一条说为何；别的场景原样。"""
    said: set[str] = set()
    for finding in findings:
        why = differing.get(finding.scenario)
        if why is not None and finding.scenario not in said:
            said.add(finding.scenario)
            yield why
        compared = finding.rule in RULES and RULES[finding.rule].compares
        if why is not None and compared and finding.base is not None:
            yield replace(finding, level=Level.INFO, kind="incomparable", robust="")
        else:
            yield finding


def _as(base: ScenarioReport, now: ScenarioReport) -> ScenarioReport:
    """一个场景借来另一个的身份。"""
    return replace(
        base,
        mode=now.mode,
        model=now.model,
        quant=now.quant,
        backend=now.backend,
        fingerprint=now.fingerprint,
    )
