"""基线重置：写在仓库里、有名有姓，只去掉早于它的基线。"""

import pytest

from rayeval.domain.verdict import BaselineReset, GateSpec
from rayeval.gate.judge import judge
from rayeval.gate.reset import apply_resets


def reset(before, scenario="local_demo"):
    return BaselineReset(
        scenario=scenario, before=before, reason="kernel 5 accepted as slower", by="perf team"
    )


@pytest.mark.parametrize(
    ("began", "kept"),
    [
        ("2026-01-01T00:00:00+00:00", True),
        ("2025-12-31T23:59:59+00:00", False),
        ("2026-01-01T08:00:00+08:00", True),
        ("2026-01-01T07:59:59+08:00", False),
        ("2026-01-01T00:00:00", True),
        ("yesterday", False),
    ],
)
def test_a_reset_discards_what_began_before_it(reports, began, kept):
    base = reports.run(started_at=began)
    remaining = apply_resets(base, [reset("2026-01-01T00:00:00Z")])
    assert bool(remaining.baseline.scenarios) is kept
    assert bool(remaining.findings) is not kept


@pytest.mark.parametrize(("scenario", "kept"), [("*", 0), ("local_demo", 1), ("other", 2)])
def test_a_reset_names_a_scenario_or_all(reports, scenario, kept):
    base = reports.run(reports.scenario(), reports.scenario(scenario="second"))
    remaining = apply_resets(base, [reset("2027-01-01T00:00:00Z", scenario)])
    assert len(remaining.baseline.scenarios) == kept


def test_the_finding_says_who_and_why_and_nothing_is_compared(reports):
    remaining = apply_resets(reports.run(), [reset("2027-01-01T00:00:00Z")])
    (finding,) = remaining.findings
    assert "perf team" in finding.message
    assert "kernel 5 accepted" in finding.message
    slow = reports.run(reports.scenario(cells=(reports.cell(ttft=2.0),)))
    verdict = judge(slow, remaining.baseline, GateSpec())
    assert verdict.exit_code == 0
    assert "missing_baseline" in {f.kind for f in verdict.findings}
