"""不需要基线的规则：阶段、功能、准确率、证书、失败率。"""

from dataclasses import replace

import pytest

from rayeval.domain.accuracy import Paired
from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import STAGES, StageResult, Status
from rayeval.domain.verdict import GateSpec, Level
from rayeval.gate.rules import RULES, accuracy, certificate, fail_ratio, functional, perf, stages

SPEC = GateSpec()


def case(outcome, message=""):
    return CaseResult("guided", f"guided/{outcome.value.lower()}", outcome, 0.1, message)


@pytest.mark.parametrize("status", [Status.ERROR, Status.SKIPPED, Status.CANCELLED])
@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_that_was_not_measured_fails(reports, stage, status):
    now = reports.with_stage(reports.scenario(), stage, status, "the pod died\nTraceback")
    (finding,) = stages(now, None, SPEC)
    assert (finding.where, finding.kind, finding.level) == (stage, "not_measured", Level.FAIL)
    assert finding.message == f"{status.value}: the pod died"


def test_an_optional_scenario_that_was_not_measured_warns(reports):
    now = reports.with_stage(reports.scenario(optional=True), "launch", Status.ERROR)
    assert [f.level for f in stages(now, None, SPEC)] == [Level.WARN]


def test_a_planned_stage_that_never_ran_is_not_measured(reports):
    now = reports.scenario(stages=(StageResult("launch", Status.PASS),))
    findings = stages(now, None, SPEC)
    assert [f.where for f in findings] == list(STAGES[1:])
    assert {f.kind for f in findings} == {"not_measured"}


def test_nothing_to_tear_down_is_not_a_second_failure(reports):
    now = reports.with_stage(reports.scenario(), "launch", Status.ERROR, "exit status 1")
    now = replace(now, stages=now.stages[:1], planned=("launch", "teardown"))
    assert [f.where for f in stages(now, None, SPEC)] == ["launch"]


@pytest.mark.parametrize(
    ("stage", "count"),
    [("launch", 1), ("ready", 1), ("teardown", 1), ("functional", 0), ("perf", 0), ("accuracy", 0)],
)
def test_a_failed_stage_is_reported_once(reports, stage, count):
    now = reports.with_stage(reports.scenario(), stage, Status.FAIL, "why")
    assert sum(f.kind == "not_measured" for f in stages(now, None, SPEC)) == count
    assert any(
        f.level is Level.FAIL for rule in RULES.values() for f in rule.check(now, None, SPEC)
    )


@pytest.mark.parametrize("outcome", [Outcome.FAIL, Outcome.ERROR])
def test_each_bad_case_is_a_finding_with_its_first_line(reports, outcome):
    now = reports.scenario(cases=(case(Outcome.PASS), case(outcome, "\nexpected 4xx\ngot 200")))
    (finding,) = functional(now, None, SPEC)
    assert (finding.kind, finding.level) == ("broken", Level.FAIL)
    assert finding.message == "expected 4xx"


@pytest.mark.parametrize("cases", [(), (case(Outcome.SKIP),)])
def test_zero_cases_never_pass(reports, cases):
    (finding,) = functional(reports.scenario(cases=cases), None, SPEC)
    assert (finding.kind, finding.level) == ("not_measured", Level.FAIL)


def test_passing_and_skipped_cases_pass(reports):
    now = reports.scenario(cases=(case(Outcome.PASS), case(Outcome.SKIP)))
    (finding,) = functional(now, None, SPEC)
    assert (finding.kind, finding.message) == ("passed", "1 passed, 1 skipped")


def test_a_failed_functional_stage_without_failed_cases_still_fails(reports):
    now = reports.with_stage(reports.scenario(), "functional", Status.FAIL, "plug-in broke")
    (finding,) = functional(now, None, SPEC)
    assert (finding.kind, finding.message) == ("broken", "FAIL: plug-in broke")


def test_an_unplanned_stage_is_not_judged(reports):
    now = reports.scenario(
        planned=("launch", "ready", "teardown"), stages=(), cases=(), cells=(), accuracy=None
    )
    assert functional(now, None, SPEC) == []
    assert perf(now, None, SPEC) == []
    assert accuracy(now, None, SPEC) == []


def test_a_stage_that_errored_with_passing_cases_claims_no_pass(reports):
    now = reports.with_stage(reports.scenario(), "functional", Status.ERROR)
    assert functional(now, None, SPEC) == []


def test_perf_without_cells_is_not_measured(reports):
    (finding,) = perf(reports.scenario(cells=()), None, SPEC)
    assert (finding.kind, finding.level) == ("not_measured", Level.FAIL)


@pytest.mark.parametrize(
    ("failed", "issued", "kind"),
    [
        (0, 200, "passed"),
        (10, 200, "passed"),
        (5, 100, "passed"),
        (11, 200, "broken"),
        (6, 100, "broken"),
    ],
)
def test_five_percent_failures_pass_and_more_fail(reports, failed, issued, kind):
    cell = reports.cell(
        issued=issued, failed=failed, fail_ratio=failed / issued, errors={"timeout": failed}
    )
    (finding,) = fail_ratio(reports.scenario(cells=(cell,)), None, SPEC)
    assert finding.kind == kind
    assert finding.now == failed / issued
    assert f"timeout {failed}" in finding.message


@pytest.mark.parametrize("odd", [float("nan"), -1.0])
def test_an_undefined_failure_ratio_is_inconclusive(reports, odd):
    (finding,) = fail_ratio(reports.scenario(cells=(reports.cell(fail_ratio=odd),)), None, SPEC)
    assert (finding.kind, finding.level) == ("not_measured", Level.INCONCLUSIVE)


def test_a_cell_without_requests_is_not_measured(reports):
    (finding,) = fail_ratio(reports.scenario(cells=(reports.cell(issued=0),)), None, SPEC)
    assert (finding.kind, finding.level) == ("not_measured", Level.FAIL)


def test_an_uncertified_cell_neither_passes_nor_fails(reports):
    cell = reports.cell(ok=False, fail_ratio=1.0)
    now = reports.scenario(cells=(cell,))
    assert fail_ratio(now, None, SPEC) == []
    (finding,) = certificate(now, reports.scenario(), SPEC)
    assert (finding.kind, finding.level) == ("uncertified", Level.INCONCLUSIVE)
    assert "loop lag" in finding.message


def test_an_uncertified_cell_that_blocks_no_comparison_only_warns(reports):
    now = reports.scenario(cells=(reports.cell(ok=False),))
    (finding,) = certificate(now, None, SPEC)
    assert (finding.kind, finding.level) == ("uncertified", Level.WARN)
    failing = reports.scenario(cells=(reports.cell(ok=False, fail_ratio=0.5),))
    (finding,) = certificate(failing, None, SPEC)
    assert finding.level is Level.INCONCLUSIVE


def test_an_uncertified_baseline_cell_is_named_only_where_it_is_compared(reports):
    base = reports.scenario(cells=(reports.cell(ok=False), reports.cell(ok=False, concurrency=64)))
    (finding,) = certificate(reports.scenario(), base, SPEC)
    assert finding.message.startswith("the baseline's load generator")


@pytest.mark.parametrize(
    ("score", "least", "kind"),
    [
        (0.5, 0.5, "passed"),
        (0.3, 0.1 + 0.2, "passed"),
        (0.499, 0.5, "broken"),
        (0.0, None, "passed"),
        (0.0, 0.0, "passed"),
        (float("nan"), 0.5, "not_measured"),
    ],
)
def test_accuracy_equal_to_min_score_passes(reports, score, least, kind):
    now = reports.scenario(accuracy=reports.accuracy(score, least))
    (finding,) = accuracy(now, None, SPEC)
    assert finding.kind == kind


def test_an_invalid_score_is_broken_however_high(reports):
    now = reports.scenario(accuracy=reports.accuracy(1.0, 0.5, valid=False, error_ratio=0.4))
    (finding,) = accuracy(now, None, SPEC)
    assert finding.kind == "broken"
    assert "40.0%" in finding.message


def test_a_stage_that_ended_without_a_score_is_not_measured(reports):
    (finding,) = accuracy(reports.scenario(accuracy=None), None, SPEC)
    assert (finding.kind, finding.level) == ("not_measured", Level.FAIL)


def test_rules_survive_a_scenario_that_has_nothing(reports):
    empty = replace(
        reports.scenario(), stages=(), cases=(), cells=(), accuracy=None, fingerprint={}
    )
    findings = [f for rule in RULES.values() for f in rule.check(empty, None, SPEC)]
    assert {f.rule for f in findings} == {"stages"}


def paired_of(reports, lost, won, p):
    n = 100
    change = (won - lost) / n
    made = Paired("base", n, n, n - lost - won, lost, won, 0, change, 0.01, -0.2, 0.2, p, "exact")
    scenario = reports.scenario(accuracy=reports.accuracy(paired=made))
    return [f for f in accuracy(scenario, None, SPEC) if f.rule == "accuracy_paired"]


def test_a_fall_against_the_baseline_that_is_no_chance_warns(reports):
    [finding] = paired_of(reports, 15, 2, 0.002)
    assert (finding.level, finding.kind) == (Level.WARN, "broken")
    assert "fell by 0.13 over 100 paired answers: 15 lost, 2 won, p = 0.002" in finding.message


def test_a_rise_is_told_and_chance_is_not(reports):
    [finding] = paired_of(reports, 2, 15, 0.002)
    assert (finding.level, finding.kind) == (Level.INFO, "improved")
    assert paired_of(reports, 5, 2, 0.45) == []


@pytest.mark.parametrize(
    ("unparsed", "truncated", "words"),
    [(0.5, 0.0, None), (0.51, 0.2, "see the answers"), (1.0, 0.9, "max_tokens is too small")],
)
def test_a_score_of_answers_that_name_no_option_is_doubtful(reports, unparsed, truncated, words):
    result = reports.accuracy(unparsed_ratio=unparsed, truncated_ratio=truncated)
    found = [
        f for f in accuracy(reports.scenario(accuracy=result), None, SPEC) if f.level is Level.WARN
    ]
    assert len(found) == (words is not None)
    assert all(f.rule == "accuracy_unparsed" and words in f.message for f in found)
