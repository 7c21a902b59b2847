"""报告 → 样本 → 文本 → 各组：该有的有，未定义的没有，怪名字走一圈还是它自己。"""

import math

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.moment import unix_time
from rayeval.domain.report import Stats, Status
from rayeval.domain.verdict import Finding, Level, Verdict
from rayeval.errors import UsageError
from rayeval.export import exposition
from rayeval.export.catalogue import CATALOGUE, IDENTITY, Family
from rayeval.export.metrics import samples


def of(report, name, verdict=None):
    return [s for s in samples(report, verdict, "rayeval") if s.family == name]


def test_every_sample_carries_the_whole_identity_and_its_familys_labels(reports):
    for sample in samples(reports.run(), None, "nightly"):
        extra = {"quantile"} & set(sample.labels)
        assert set(sample.labels) == {*IDENTITY, *CATALOGUE[sample.family].labels, *extra}
        assert sample.labels["job"] == "nightly"


def test_a_sample_with_other_labels_than_its_family_is_our_own_mistake(reports, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "qps", Family("qps", "x", ("input_len",)))
    with pytest.raises(AssertionError, match="metric qps"):
        samples(reports.run(), None, "rayeval")


def test_quantiles_sum_and_count_share_a_family_and_mean_and_maximum_do_not(reports):
    report = reports.run(reports.scenario(cells=(reports.cell(ttft=0.5),)))
    found = {(s.suffix, s.labels.get("quantile")): s.value for s in of(report, "ttft_seconds")}
    quantiles = {("", q): 0.5 for q in ("0.75", "0.9", "0.95", "0.99")}
    assert found == quantiles | {("sum", None): 100.0, ("count", None): 200.0}
    assert [s.value for s in of(report, "ttft_avg_seconds")] == [0.5]
    assert [s.value for s in of(report, "ttft_max_seconds")] == [0.5]


@pytest.mark.parametrize("value", [None, -1.0, math.nan, math.inf])
def test_what_is_undefined_is_absent(reports, value):
    stats = {"ttft": Stats(3, value, 0.2, value, value, value, value, value, value)}
    cell = reports.cell(stats=stats, avg_prompt_tokens=value, qps=value)
    report = reports.run(reports.scenario(cells=(cell,), time_to_ready_s=value))
    assert not of(report, "qps")
    assert not of(report, "prompt_avg_tokens")
    assert not of(report, "time_to_ready_seconds")
    assert not of(report, "ttft_max_seconds")
    assert not [s for s in of(report, "ttft_seconds") if "quantile" in s.labels]
    assert not of(report, "e2e_seconds")


def test_a_run_that_measured_nothing_still_says_that_it_ran(reports):
    bare = reports.scenario(cells=(), cases=(), accuracy=None, time_to_ready_s=None)
    report = reports.run(reports.with_stage(bare, "ready", Status.ERROR, "no"))
    names = {s.family for s in samples(report, None, "rayeval")}
    assert names == {
        *("run_info", "run_end_timestamp_seconds", "scenario_complete"),
        *("stage_pass", "stage_seconds"),
    }
    assert [s.value for s in of(report, "scenario_complete")] == [0.0]


def test_cases_are_one_or_zero_and_skipped_ones_absent(reports):
    cases = [CaseResult("s", f"s/{o.value}", o, 0.1) for o in Outcome]
    report = reports.run(reports.scenario(cases=tuple(cases)))
    found = {s.labels["case_id"]: s.value for s in of(report, "functional_case_pass")}
    assert found == {"s/PASS": 1.0, "s/FAIL": 0.0, "s/ERROR": 0.0}
    assert [s.value for s in of(report, "functional_pass_ratio")] == [pytest.approx(1 / 3)]


def test_only_skipped_cases_have_no_pass_ratio(reports):
    report = reports.run(reports.scenario(cases=(CaseResult("s", "s/x", Outcome.SKIP, 0.0),)))
    assert not of(report, "functional_pass_ratio")


def test_an_invalid_accuracy_has_no_score(reports):
    report = reports.run(reports.scenario(accuracy=reports.accuracy(valid=False)))
    assert [s.value for s in of(report, "accuracy_valid")] == [0.0]
    assert not of(report, "accuracy_score")


def test_the_verdict_is_told_by_scenario(reports):
    found = Finding("r", Level.FAIL, "broken", "bad", "x", "m")
    report = reports.run(reports.scenario(scenario="bad"), reports.scenario(scenario="good"))
    told = of(report, "gate_pass", Verdict((found,), 1))
    assert {s.labels["scenario"]: s.value for s in told} == {"bad": 0.0, "good": 1.0}
    assert not of(report, "gate_pass")


NASTY = 'a/b\\n "quoted" \\ new\nline\r\u2028中文\ud800#{x="1"} 1'


def test_nasty_names_survive_the_text_and_fall_into_their_group(reports):
    cases = (CaseResult("s", NASTY, Outcome.PASS, 0.1),)
    report = reports.run(
        reports.scenario(model=NASTY, cases=cases), reports.scenario(scenario="other")
    )
    body = exposition.text(samples(report, None, "rayeval"), "ci_")
    shown = NASTY.replace("\ud800", "\ufffd")
    groups = exposition.groups(body, "here")
    assert [group.key["model"] for group in groups] == [shown, "demo"]
    again = [s for f in read_text(groups[0].body.decode()) for s in f.samples]
    assert {s.labels["case_id"] for s in again if "case_id" in s.labels} == {shown}
    assert all(s.name.startswith("ci_") for s in again)


def test_the_groups_together_are_the_body(reports):
    report = reports.run(reports.scenario(), reports.scenario(scenario="other"))
    found = samples(report, None, "rayeval")
    groups = exposition.groups(exposition.text(found, ""), "here")
    assert sum(group.series for group in groups) == len(found)
    assert all(set(group.key) == set(IDENTITY) for group in groups)


def test_a_case_that_comes_twice_is_written_once(reports):
    cases = (
        CaseResult("s", "s/x", Outcome.FAIL, 0.1),
        CaseResult("s", "s/x", Outcome.PASS, 0.1),
    )
    cell = reports.cell()
    report = reports.run(reports.scenario(cases=cases, cells=(cell, cell)))
    body = exposition.text(samples(report, None, "rayeval"), "").decode()
    series = [line.rpartition(" ")[0] for line in body.splitlines() if not line.startswith("#")]
    assert len(series) == len(set(series))


def test_openmetrics_carries_the_time_and_the_unit(reports):
    body = exposition.openmetrics(samples(reports.run(), None, "rayeval"), "", 1_700_000_000.0)
    families = {family.name: family for family in read_openmetrics(body.decode())}
    assert families["ttft_seconds"].unit == "seconds"
    assert {float(s.timestamp) for f in families.values() for s in f.samples} == {1_700_000_000.0}


@pytest.mark.parametrize("body", [b"x{ 1\n", b"qps 1\n", b'qps{job="x"} 1\n'])
def test_a_body_that_is_not_ours_is_refused(body):
    with pytest.raises(UsageError, match="somewhere"):
        exposition.groups(body, "somewhere")


def test_names_follow_prometheus_habits():
    for name, family in CATALOGUE.items():
        assert family.help, name
        assert not name.endswith(("_total", "_count", "_sum", "_bucket", "_ms")), name
        assert not set(family.labels) & set(IDENTITY), name


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-01T00:00:00+00:00", 1767225600.0),
        ("2026-01-01T08:00:00+08:00", 1767225600.0),
        ("2026-01-01T00:00:00", 1767225600.0),
        ("soon", None),
    ],
)
def test_times_are_unix_seconds(text, seconds):
    assert unix_time(text) == seconds
