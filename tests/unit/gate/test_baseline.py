"""找基线：点名的照用，目录里只取最新的、完整的、绿的每日报告。"""

import json
import time

import pytest

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import Status
from rayeval.errors import UsageError
from rayeval.gate.baseline import Wanted, find_baseline, passed_over, unfit


@pytest.fixture
def store(tmp_path, reports):
    """把报告登记在内存里，盘上只放它的名字；读回时按名取。"""
    known = {}

    def put(report, folder):
        target = tmp_path / folder
        target.mkdir(parents=True, exist_ok=True)
        (target / "report.json").write_text(report.run_id)
        known[report.run_id] = report

    def decode(data, name):
        try:
            return known[data.decode()]
        except KeyError:
            raise UsageError(f"{name}: not a report") from None

    return put, decode


def daily(reports, run_id, day, *scenarios, **changes):
    return reports.run(
        *scenarios,
        run_id=run_id,
        run_type="daily",
        started_at=f"2026-01-{day:02}T00:00:00Z",
        **changes,
    )


def test_the_newest_green_complete_daily_wins(tmp_path, reports, store):
    put, decode = store
    put(daily(reports, "old", 1), "runs/z")
    put(daily(reports, "new", 3), "runs/a")
    put(daily(reports, "mid", 2), "deeper/artifacts/runs/m")
    put(reports.run(run_id="pr", started_at="2026-02-01T00:00:00Z"), "runs/pr")
    failed = reports.scenario(cases=(CaseResult("s", "s/c", Outcome.FAIL, 0.1),))
    put(daily(reports, "red", 10, failed), "runs/red")
    lost = reports.with_stage(reports.scenario(), "perf", Status.ERROR)
    put(daily(reports, "partial", 11, lost), "runs/partial")
    put(daily(reports, "interrupted", 12, interrupted=True), "runs/interrupted")
    report, name = find_baseline(tmp_path, decode)
    assert report.run_id == "new"
    assert name.endswith("runs/a/report.json")


def test_time_zones_are_compared_as_instants(tmp_path, reports, store):
    put, decode = store
    put(daily(reports, "a", 1, finished_at=""), "runs/a")
    late = reports.run(run_id="b", run_type="daily", started_at="2025-12-31T23:00:00-08:00")
    put(late, "runs/b")
    put(reports.run(run_id="c", run_type="daily", started_at="yesterday"), "runs/c")
    assert find_baseline(tmp_path, decode)[0].run_id == "b"


def test_a_moment_without_a_zone_is_utc_wherever_the_gate_runs(
    tmp_path, reports, store, monkeypatch
):
    put, decode = store
    put(reports.run(run_id="a", run_type="daily", started_at="2026-01-01T00:00:00"), "runs/a")
    put(reports.run(run_id="b", run_type="daily", started_at="2026-01-01T01:00:00Z"), "runs/b")
    monkeypatch.setenv("TZ", "Etc/GMT+12")
    time.tzset()
    try:
        assert find_baseline(tmp_path, decode)[0].run_id == "b"
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_run_itself_is_never_its_own_baseline(tmp_path, reports, store):
    put, decode = store
    put(daily(reports, "me", 5), "runs/me")
    assert find_baseline(tmp_path, decode, Wanted(run_id="me")) is None
    assert find_baseline(tmp_path, decode)[0].run_id == "me"


@pytest.mark.parametrize("name", ["runs/pr/report.json", "runs/pr"])
def test_a_named_report_is_taken_as_it_is(tmp_path, reports, store, name):
    put, decode = store
    put(reports.run(run_id="pr"), "runs/pr")
    assert find_baseline(tmp_path / name, decode)[0].run_id == "pr"


def test_a_missing_path_is_a_usage_error_that_names_it(tmp_path, store):
    with pytest.raises(UsageError, match="nowhere"):
        find_baseline(tmp_path / "nowhere", store[1])


def test_a_named_file_that_is_no_report_is_a_usage_error(tmp_path, store):
    file = tmp_path / "report.json"
    file.write_text(json.dumps({}))
    with pytest.raises(UsageError, match=r"report\.json"):
        find_baseline(file, store[1])


def test_an_unreadable_candidate_does_not_hide_the_good_one(tmp_path, reports, store, caplog):
    put, decode = store
    put(daily(reports, "good", 1), "runs/good")
    (tmp_path / "runs" / "bad").mkdir()
    (tmp_path / "runs" / "bad" / "report.json").write_text("half a file")
    assert find_baseline(tmp_path, decode)[0].run_id == "good"
    assert "bad" in caplog.text


def test_a_stage_alone_compares_with_the_last_one_of_its_kind(tmp_path, reports, store):
    put, decode = store
    stage = {"run_type": "perf", "started_at": "2026-01-02T00:00:00Z"}
    put(reports.run(run_id="mine", **stage), "runs/mine")
    put(reports.run(run_id="cut", interrupted=True, **stage), "runs/cut")
    lost = reports.with_stage(reports.scenario(), "perf", Status.ERROR)
    put(reports.run(lost, run_id="lost", **stage), "runs/lost")
    put(reports.run(run_id="other", run_type="functional"), "runs/other")
    assert find_baseline(tmp_path, decode) is None
    assert find_baseline(tmp_path, decode, Wanted(stage="perf"))[0].run_id == "mine"
    put(daily(reports, "daily", 3), "runs/daily")
    assert find_baseline(tmp_path, decode, Wanted(stage="perf"))[0].run_id == "daily"


def test_a_run_of_other_scenarios_is_no_baseline(tmp_path, reports, store):
    put, decode = store
    put(daily(reports, "mine", 1), "runs/mine")
    put(daily(reports, "other", 2, reports.scenario(scenario="other")), "runs/other")
    wanted = Wanted(scenarios=frozenset({"local_demo"}))
    assert find_baseline(tmp_path, decode, wanted)[0].run_id == "mine"
    assert find_baseline(tmp_path, decode)[0].run_id == "other"


def test_a_stored_run_is_never_judged_against_a_later_one(tmp_path, reports, store):
    put, decode = store
    put(daily(reports, "early", 1), "runs/early")
    put(daily(reports, "late", 9), "runs/late")
    fifth = Wanted(before=1767571200.0)  # 2026-01-05
    assert find_baseline(tmp_path, decode, fifth)[0].run_id == "early"


def test_what_was_passed_over_is_told_with_its_flaw(tmp_path, reports, store):
    put, decode = store
    put(reports.run(run_id="pr"), "runs/pr")
    assert passed_over(tmp_path, decode) == ""
    failed = reports.scenario(cases=(CaseResult("s", "s/c", Outcome.FAIL, 0.1),))
    put(daily(reports, "red", 1, failed), "runs/red")
    put(daily(reports, "redder", 2, failed), "runs/redder")
    told = passed_over(tmp_path, decode)
    assert "(2)" in told
    assert "redder: scenario local_demo has failed functional cases" in told
    assert f"--baseline {tmp_path / 'runs' / 'redder'}" in told


def test_an_empty_directory_has_no_baseline(tmp_path, store):
    assert find_baseline(tmp_path, store[1]) is None


def test_unfit_says_why(reports):
    assert "pr, not daily" in unfit(reports.run())
    assert "no scenario" in unfit(reports.run(run_type="daily", scenarios=()))
    assert unfit(reports.run(run_type="daily")) is None


def test_a_part_and_a_failing_load_do_not_become_the_baseline(reports):
    whole = daily(reports, "whole", 1)
    assert unfit(whole) is None
    assert "only a part" in unfit(daily(reports, "part", 1, narrowed=True))
    lossy = reports.scenario(cells=(reports.cell(fail_ratio=0.06),))
    assert "6% failed" in unfit(daily(reports, "lossy", 1, lossy))
    limit = reports.scenario(cells=(reports.cell(fail_ratio=0.05),))
    assert unfit(daily(reports, "limit", 1, limit)) is None
    invalid = reports.scenario(accuracy=reports.accuracy(valid=False))
    assert "invalid accuracy" in unfit(daily(reports, "invalid", 1, invalid))
