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
    renamed = lone(base, now)
    known = {scenario.scenario: scenario for scenario in renamed.scenarios}
    alias = "" if renamed is base else f"; A calls it {base.scenarios[0].scenario!r}"
    found = {}
    for scenario in now.scenarios:
        for finding in comparable(scenario, known.get(scenario.scenario), GateSpec()):
            told = finding.message.partition(": ")[2]
            message = (
                f"not the same service, so its numbers are shown and not judged: {told}{alias}"
            )
            found[scenario.scenario] = replace(finding, message=message)
    return found


def strangers(now: RunReport, base: RunReport) -> list[Finding]:
    """没有一个同名的场景：一条，写明两边各有什么。"""
    ours, theirs = ([scenario.scenario for scenario in run.scenarios] for run in (now, base))
    if not ours or not theirs or set(ours) & set(theirs):
        return []
    message = (
        f"no scenario has the same id: A holds {', '.join(theirs)}, B holds {', '.join(ours)}; "
        "give what is to be compared one id (--scenario NAME of perf, functional and accuracy)"
    )
    return [Finding("comparable", Level.INCONCLUSIVE, "incomparable", "", "run", message)]


def lone(base: RunReport, now: RunReport) -> RunReport:
    """两边都只有一个场景：不会认错，`base` 的那个就借来 `now` 的名字；否则就是 `base` 自己。"""
    theirs, ours = ([scenario.scenario for scenario in run.scenarios] for run in (base, now))
    if len(theirs) != 1 or len(ours) != 1 or theirs == ours:
        return base
    return replace(base, scenarios=(replace(base.scenarios[0], scenario=ours[0]),))


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
