"""裁决：分量随运行类型，退出码随发现。"""

from dataclasses import replace

import pytest

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import Status
from rayeval.domain.verdict import GateSpec, Level
from rayeval.gate.judge import judge

SPEC = GateSpec()


def broken_ways(reports):
    failed = CaseResult("guided", "guided/schema", Outcome.FAIL, 0.1, "no")
    return {
        "functional": reports.scenario(cases=(failed,)),
        "accuracy": reports.scenario(accuracy=reports.accuracy(0.1, 0.5)),
        "ttft_p99": reports.scenario(cells=(reports.cell(ttft=1.15),)),
        "e2e_p99": reports.scenario(cells=(reports.cell(e2e=11.5),)),
        "qps": reports.scenario(cells=(reports.cell(qps=18.6),)),
        "fail_ratio": reports.scenario(cells=(reports.cell(fail_ratio=0.06, failed=12),)),
    }


RULE_NAMES = ("functional", "accuracy", "ttft_p99", "e2e_p99", "qps", "fail_ratio")


def test_an_unchanged_run_passes(reports):
    verdict = judge(reports.run(), reports.run(), SPEC, baseline_name="runs/a")
    assert (verdict.exit_code, verdict.baseline) == (0, "runs/a")
    assert {f.level for f in verdict.findings} == {Level.OK}


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_every_broken_rule_fails_a_pull_request(reports, rule):
    verdict = judge(reports.run(broken_ways(reports)[rule]), reports.run(), SPEC)
    assert verdict.exit_code == 1
    assert [f.rule for f in verdict.at(Level.FAIL)] == [rule]


@pytest.mark.parametrize("rule", RULE_NAMES)
def test_a_daily_run_fails_on_functional_and_warns_on_the_rest(reports, rule):
    now = reports.run(broken_ways(reports)[rule], run_type="daily")
    verdict = judge(now, reports.run(), SPEC)
    level, code = (Level.FAIL, 1) if rule == "functional" else (Level.WARN, 0)
    (finding,) = [f for f in verdict.findings if f.kind == "broken"]
    assert (finding.rule, finding.level, verdict.exit_code) == (rule, level, code)


@pytest.mark.parametrize("run_type", ["pr", "daily"])
def test_an_unmeasured_scenario_fails_any_run(reports, run_type):
    dead = reports.with_stage(reports.scenario(scenario="dead"), "perf", Status.ERROR, "lost")
    verdict = judge(reports.run(reports.scenario(), dead, run_type=run_type), None, SPEC)
    assert verdict.exit_code == 1


@pytest.mark.parametrize("lack", [{"accuracy": None}, {"cells": ()}])
def test_a_stage_without_a_result_fails_a_daily_run_too(reports, lack):
    now = reports.run(reports.scenario(**lack), run_type="daily")
    assert judge(now, None, SPEC).exit_code == 1


def test_an_unmeasured_optional_scenario_passes_with_a_warning(reports):
    dead = reports.with_stage(
        reports.scenario(scenario="dead", optional=True), "perf", Status.ERROR, "lost"
    )
    verdict = judge(reports.run(reports.scenario(), dead), None, SPEC)
    assert verdict.exit_code == 0
    assert "stages" in {f.rule for f in verdict.at(Level.WARN)}


def test_not_one_ready_scenario_is_infrastructure(reports):
    dead = reports.with_stage(reports.scenario(), "ready", Status.ERROR, "time-out")
    assert judge(reports.run(dead), None, SPEC).exit_code == 3
    assert judge(reports.run(dead, reports.scenario(scenario="b")), None, SPEC).exit_code == 1
    assert judge(reports.run(reports.scenario(stages=())), None, SPEC).exit_code == 3


def test_a_run_without_a_launch_is_judged_without_asking_for_readiness(reports):
    whole = reports.scenario()
    alone = replace(whole, planned=("perf",), stages=(whole.stage("perf"),), cases=())
    assert judge(reports.run(alone), None, SPEC).exit_code == 0


@pytest.mark.parametrize("run_type", ["pr", "daily"])
def test_an_uncertified_cell_is_inconclusive(reports, run_type):
    now = reports.run(reports.scenario(cells=(reports.cell(ok=False),)), run_type=run_type)
    verdict = judge(now, reports.run(), SPEC)
    assert verdict.exit_code == 4
    assert {f.rule for f in verdict.at(Level.INCONCLUSIVE)} == {"certificate"}


def test_a_failure_outranks_an_inconclusive_finding(reports):
    cells = (reports.cell(ok=False), reports.cell(ttft=2.0, concurrency=8))
    base = reports.run(reports.scenario(cells=(reports.cell(), reports.cell(concurrency=8))))
    assert judge(reports.run(reports.scenario(cells=cells)), base, SPEC).exit_code == 1


def test_another_engine_is_incomparable_and_nothing_is_compared(reports):
    slow = reports.scenario(cells=(reports.cell(ttft=9.0),), fingerprint={"engine": "other"})
    verdict = judge(reports.run(slow), reports.run(), SPEC)
    assert verdict.exit_code == 4
    assert not {f.rule for f in verdict.findings} & {"ttft_p99", "e2e_p99", "qps", "baseline"}
    (finding,) = verdict.at(Level.INCONCLUSIVE)
    assert "engine is 'other', was 'mock'" in finding.message


def test_another_schema_version_is_incomparable(reports):
    verdict = judge(reports.run(), reports.run(schema_version=0), SPEC)
    assert verdict.exit_code == 4
    assert not {f.rule for f in verdict.findings} & {"ttft_p99", "baseline"}


def test_rules_without_a_baseline_still_fail_an_incomparable_run(reports):
    bad = replace(broken_ways(reports)["functional"], fingerprint={"engine": "other"})
    assert judge(reports.run(bad), reports.run(), SPEC).exit_code == 1


@pytest.mark.parametrize(("worth", "code"), [("ignore", 0), ("warn", 0), ("fail", 1)])
@pytest.mark.parametrize("run_type", ["pr", "daily"])
def test_a_missing_baseline_is_a_finding(reports, worth, code, run_type):
    now = reports.run(run_type=run_type)
    verdict = judge(now, None, GateSpec(missing_baseline=worth))
    assert verdict.exit_code == code
    assert "missing_baseline" in {f.kind for f in verdict.findings}


def test_a_better_run_passes_and_says_so(reports):
    better = reports.scenario(cells=(reports.cell(ttft=0.5, e2e=5.0, qps=40.0),))
    verdict = judge(reports.run(better), reports.run(), SPEC)
    assert verdict.exit_code == 0
    assert {f.rule for f in verdict.at(Level.INFO)} == {"ttft_p99", "e2e_p99", "qps"}


def test_a_run_without_scenarios_proves_nothing(reports):
    assert judge(reports.run(scenarios=()), None, SPEC).exit_code == 4


def test_an_interrupted_run_says_so(reports):
    verdict = judge(reports.run(interrupted=True), reports.run(), SPEC)
    assert "interrupted" in {f.rule for f in verdict.findings}
