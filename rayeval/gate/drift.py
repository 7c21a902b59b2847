"""能力表与基线相比：哪些不再支持了，哪些新支持了。"""

from __future__ import annotations

from rayeval.domain.functional import Capability, Support, capability_map
from rayeval.domain.report import ScenarioReport
from rayeval.domain.verdict import Finding, GateSpec, Level


def drift(now: ScenarioReport, base: ScenarioReport | None, _: GateSpec) -> list[Finding]:
    """每项变了态度的能力一条：丢了的告警，得了的只说；有一边没查明的不比。

    声明过而丢了的，用例自己就会 FAIL；这里管没声明的，它们会悄悄变成 SKIP。
    """
    before = {c.name: c for c in capability_map(base.cases)} if base is not None else {}
    return [
        _finding(now.scenario, before[capability.name], capability)
        for capability in capability_map(now.cases)
        if capability.name in before and _changed(before[capability.name], capability)
    ]


def _changed(before: Capability, after: Capability) -> bool:
    """态度变了，且两边都查明了。"""
    known = Support.UNKNOWN not in {before.support, after.support}
    return known and before.support is not after.support


def _finding(scenario: str, before: Capability, after: Capability) -> Finding:
    """一项变了的能力。"""
    gained = after.support is Support.SUPPORTED
    level, kind = (Level.INFO, "improved") if gained else (Level.WARN, "broken")
    message = f"was {before.support.value}, is {after.support.value}: {after.why}"
    return Finding("capabilities", level, kind, scenario, after.name, message)
