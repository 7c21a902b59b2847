"""能力漂移：丢了的告警，得了的只说，没查明的不比。"""

from dataclasses import replace

import pytest

from rayeval.domain.functional import Capability, CaseResult, Outcome, Support
from rayeval.domain.verdict import GateSpec, Level
from rayeval.gate.drift import drift
from rayeval.gate.judge import judge


def probed(scenario, support):
    found = Capability("n", support, None, "n=2 gave 1 choice")
    case = CaseResult("capabilities", "capabilities/n", Outcome.SKIP, 0.1, capability=found)
    return replace(scenario, cases=(*scenario.cases, case))


@pytest.mark.parametrize(
    ("before", "after", "level"),
    [
        (Support.SUPPORTED, Support.IGNORED, Level.WARN),
        (Support.SUPPORTED, Support.FLAKY, Level.WARN),
        (Support.REJECTED, Support.SUPPORTED, Level.INFO),
    ],
)
def test_capability_that_changed_is_a_finding(reports, before, after, level):
    now, base = probed(reports.scenario(), after), probed(reports.scenario(), before)
    (finding,) = drift(now, base, GateSpec())
    assert (finding.level, finding.where) == (level, "n")
    assert f"was {before.value}, is {after.value}" in finding.message


@pytest.mark.parametrize("other", [Support.UNKNOWN, Support.SUPPORTED])
def test_same_or_unknown_is_no_drift(reports, other):
    now, base = probed(reports.scenario(), Support.SUPPORTED), probed(reports.scenario(), other)
    assert drift(now, base, GateSpec()) == []
    assert drift(base, now, GateSpec()) == []
    assert drift(now, reports.scenario(), GateSpec()) == []
    assert drift(now, None, GateSpec()) == []


def test_gate_takes_the_verdict_that_it_is_told_to_take(reports):
    case = CaseResult(
        "guided", "guided/x", Outcome.PASS, 0.1, strict=Outcome.FAIL, strict_message="no [DONE]"
    )
    report = reports.run(replace(reports.scenario(), cases=(case,)))
    assert judge(report, None, GateSpec(missing_baseline="ignore")).exit_code == 0
    strict = judge(report, None, GateSpec(missing_baseline="ignore", functional="strict"))
    assert strict.exit_code == 1
    (finding,) = strict.at(Level.FAIL)
    assert finding.message == "no [DONE]"
