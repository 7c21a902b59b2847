"""robust 判法：越界之外还要证据；证据不足是 inconclusive，从不是通过。"""

from dataclasses import replace

import numpy as np
import pytest

from rayeval.domain.verdict import GateSpec, Level
from rayeval.gate.interval import change_interval, holm, p99, rate, ratio_p, wilson
from rayeval.gate.judge import judge
from rayeval.gate.robust import doubtful
from rayeval.gate.rows import CellRows, stored_rows

ROBUST = GateSpec(mode="robust")


def rows_of(ttft, n=400, spread=0.02, seed=0, success=None):
    rng = np.random.default_rng(seed)
    first = ttft * (1 + spread * rng.standard_normal(n))
    done = np.ones(n, bool) if success is None else success
    return lambda *_: CellRows(first, first * 10, first * 10, done, np.ones(n, bool))


def slow(reports, again=1.15, **changes):
    confirmed = () if again is None else (reports.cell(ttft=again),)
    return reports.scenario(cells=(reports.cell(ttft=1.15),), confirmations=confirmed, **changes)


def over(verdict):
    (finding,) = [f for f in verdict.findings if f.robust]
    return finding


def test_a_real_confirmed_regression_fails_in_both_modes(reports):
    for spec in (GateSpec(), ROBUST):
        verdict = judge(
            reports.run(slow(reports)),
            reports.run(),
            spec,
            rows=rows_of(1.15),
            base_rows=rows_of(1.0, seed=1),
        )
        finding = over(verdict)
        assert verdict.exit_code == 1
        assert (finding.rule, finding.kind, finding.robust) == ("ttft_p99", "broken", "broken")
        assert 0 < finding.low < 0.15 < finding.high
        assert finding.n == 400


@pytest.mark.parametrize(
    ("again", "now", "n", "why"),
    [
        (None, 1.15, 400, "not measured once more"),
        (1.02, 1.15, 400, "the re-run does not agree"),
        (1.10, 1.15, 400, "the re-run does not agree"),
        (1.15, 1.00, 400, "no change is within the interval"),
        (1.15, 1.15, 99, "a P99 of 99 samples, 100 are needed"),
    ],
)
def test_without_evidence_contract_fails_and_robust_is_inconclusive(reports, again, now, n, why):
    runs = reports.run(slow(reports, again)), reports.run()
    sides = {"rows": rows_of(now, n), "base_rows": rows_of(1.0, n, seed=1)}
    assert judge(*runs, GateSpec(), **sides).exit_code == 1
    verdict = judge(*runs, ROBUST, **sides)
    finding = over(verdict)
    assert (verdict.exit_code, finding.kind) == (4, "doubtful")
    assert finding.level is Level.INCONCLUSIVE
    assert why in finding.message


def test_without_raw_rows_robust_says_so_and_does_not_pass(reports):
    verdict = judge(reports.run(slow(reports)), reports.run(), ROBUST)
    assert verdict.exit_code == 4
    assert "no raw rows of this run" in over(verdict).message


def test_a_rerun_without_a_certificate_confirms_nothing(reports):
    scenario = replace(slow(reports), confirmations=(reports.cell(ttft=1.3, ok=False),))
    sides = {"rows": rows_of(1.15), "base_rows": rows_of(1.0)}
    verdict = judge(reports.run(scenario), reports.run(), ROBUST, **sides)
    assert "did not keep its promise" in over(verdict).message


@pytest.mark.parametrize("again", [None, 1.15])
def test_a_daily_run_only_warns_in_robust_mode_too(reports, again):
    now = reports.run(slow(reports, again), run_type="daily")
    sides = {"rows": rows_of(1.15), "base_rows": rows_of(1.0)}
    verdict = judge(now, reports.run(), ROBUST, **sides)
    assert (verdict.exit_code, over(verdict).level) == (0, Level.WARN)


def test_failures_need_a_wilson_bound_above_the_limit(reports):
    def judged(failed, issued):
        changes = {"fail_ratio": failed / issued, "failed": failed, "issued": issued}
        cell = reports.cell(**changes)
        scenario = reports.scenario(cells=(cell,), confirmations=(cell,))
        return over(judge(reports.run(scenario), reports.run(), ROBUST))

    few, many = judged(6, 100), judged(120, 1000)
    assert (few.robust, many.robust) == ("inconclusive", "broken")
    assert few.low < 0.05 < many.low


def test_only_cells_beyond_a_limit_are_measured_again(reports):
    base = reports.scenario(cells=tuple(reports.cell(concurrency=c) for c in (1, 2, 4)))
    now = replace(
        base,
        cells=(
            reports.cell(concurrency=1),
            reports.cell(ttft=1.2, concurrency=2),
            reports.cell(concurrency=4, fail_ratio=0.06, failed=12),
        ),
    )
    assert doubtful(now, base, ROBUST) == ("in128_out32_c2", "in128_out32_c4")
    other = replace(base, fingerprint={"engine": "another"})
    assert doubtful(now, other, ROBUST) == ("in128_out32_c4",)
    assert doubtful(now, None, ROBUST) == ("in128_out32_c4",)


@pytest.mark.parametrize(
    ("mode", "confirm", "reruns"),
    [
        ("contract", "auto", False),
        ("robust", "auto", True),
        ("contract", "always", True),
        ("robust", "never", False),
    ],
)
def test_the_profile_says_when_cells_are_measured_again(mode, confirm, reruns):
    assert GateSpec(mode=mode, confirm=confirm).reruns is reruns


def test_holm_steps_down_and_counts_the_tests_that_are_not_listed():
    assert holm([0.01, 0.02, 0.03], 3, 0.05) == [True, True, True]
    assert holm([0.03, 0.01], 3, 0.05) == [False, True]
    assert holm([0.01], 6, 0.05) == [False]
    assert holm([0.05], 1, 0.05) == [True]
    assert holm([], 0, 0.05) == []


def test_wilson_against_its_closed_form():
    low, high = wilson(5, 100, 0.95)
    assert (low, high) == (pytest.approx(0.02154, abs=1e-4), pytest.approx(0.11175, abs=1e-4))
    assert wilson(0, 20, 0.95)[0] == pytest.approx(0.0, abs=1e-12)
    assert wilson(0, 0, 0.95) == (0.0, 1.0)
    for failed in range(101):  # 检验与区间是同一回事
        assert (ratio_p(failed, 100, 0.05) < 0.025) == (wilson(failed, 100, 0.95)[0] > 0.05)


def test_intervals_repeat_and_cover_a_true_change_of_the_mean_rate():
    def side(scale, seed):
        busy = scale * np.random.default_rng(seed).lognormal(0, 0.3, 300)
        return np.column_stack((np.ones(300), busy))

    now, base = side(1.07, 1), side(1.0, 2)
    keys = {"block": 4, "confidence": 0.95, "rise_is_bad": False}
    first, second = (change_interval(now, base, rate, **keys) for _ in range(2))
    assert first == second
    assert first.low < 1 / 1.07 - 1 < first.high


def test_requests_in_flight_together_are_resampled_together():
    # 每八个同时在途的一样慢：当作独立样本的区间窄得不真
    waves = np.repeat(np.random.default_rng(3).lognormal(0, 0.5, 50), 8)
    other = np.repeat(np.random.default_rng(4).lognormal(0, 0.5, 50), 8)

    def width(block):
        found = change_interval(waves, other, p99, block=block, confidence=0.95)
        return found.high - found.low

    assert width(8) > 1.3 * width(1)


def test_a_stored_table_that_is_gone_is_no_rows(reports, tmp_path, caplog):
    scenario = reports.scenario(artifacts=("perf/local_demo/x/requests.parquet",))
    rows = stored_rows(reports.run(scenario), tmp_path)
    assert rows("local_demo", reports.cell().summary) is None
    file = tmp_path / scenario.artifacts[0]
    file.parent.mkdir(parents=True)
    file.write_bytes(b"not parquet")
    rows = stored_rows(reports.run(scenario), tmp_path)
    assert rows("local_demo", reports.cell().summary) is None
    assert "requests.parquet" in caplog.text
