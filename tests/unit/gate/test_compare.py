"""与基线相比的规则：阈值上、阈值内、阈值外，与种种不是数的数。"""

from dataclasses import replace

import pytest

from rayeval.domain.verdict import GateSpec, Level
from rayeval.gate.compare import baseline_present, beyond, comparable, e2e_p99, qps, ttft_p99

SPEC = GateSpec()


def judged(rule, reports, now, base):
    (finding,) = rule(reports.scenario(cells=(now,)), reports.scenario(cells=(base,)), SPEC)
    return finding


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        (1.0, ("passed", Level.OK)),
        (1.099, ("passed", Level.OK)),
        (1.1, ("passed", Level.OK)),  # 浮点里 (1.1 − 1)/1 > 0.1，仍算相等
        (1.1001, ("broken", Level.FAIL)),
        (0.9, ("passed", Level.OK)),
        (0.8999, ("improved", Level.INFO)),
        (1.15, ("broken", Level.FAIL)),
    ],
)
@pytest.mark.parametrize(("rule", "knob"), [(ttft_p99, "ttft"), (e2e_p99, "e2e")])
def test_latency_fails_only_strictly_beyond_ten_percent(reports, rule, knob, now, outcome):
    finding = judged(rule, reports, reports.cell(**{knob: now}), reports.cell(**{knob: 1.0}))
    assert (finding.kind, finding.level) == outcome
    assert (finding.now, finding.base, finding.threshold) == (now, 1.0, 0.10)
    assert finding.change == pytest.approx(now - 1.0)


@pytest.mark.parametrize(
    ("now", "base", "kind"),
    [
        (0.95, 1.0, "passed"),
        (19.0, 20.0, "passed"),
        (0.9499, 1.0, "broken"),
        (0.93, 1.0, "broken"),
        (1.05, 1.0, "passed"),
        (1.0501, 1.0, "improved"),
        (0.0, 1.0, "broken"),
    ],
)
def test_qps_fails_only_strictly_beyond_five_percent(reports, now, base, kind):
    assert judged(qps, reports, reports.cell(qps=now), reports.cell(qps=base)).kind == kind


@pytest.mark.parametrize("base", [1e-3, 0.1, 0.3, 0.7, 1.7, 3.3, 123.4])
def test_equality_passes_at_every_scale(base):
    assert not beyond((base * 1.1 - base) / base, 0.10)
    assert beyond((base * 1.1001 - base) / base, 0.10)


@pytest.mark.parametrize("odd", [None, float("nan"), float("inf"), -1.0, 0.0])
@pytest.mark.parametrize("rule", [ttft_p99, e2e_p99])
@pytest.mark.parametrize("side", ["now", "base"])
def test_latency_that_is_no_number_is_never_a_silent_pass(reports, rule, odd, side):
    cells = {"now": reports.cell(), "base": reports.cell()}
    cells[side] = reports.cell(ttft=odd, e2e=odd)
    finding = judged(rule, reports, cells["now"], cells["base"])
    assert (finding.kind, finding.level) == ("incomparable", Level.INCONCLUSIVE)
    assert finding.change is None


@pytest.mark.parametrize(
    ("now", "base"),
    [(float("nan"), 1.0), (-1.0, 1.0), (1.0, 0.0), (1.0, float("nan")), (1.0, -1.0), (0.0, 0.0)],
)
def test_qps_that_is_no_number_is_never_a_silent_pass(reports, now, base):
    finding = judged(qps, reports, reports.cell(qps=now), reports.cell(qps=base))
    assert (finding.kind, finding.level) == ("incomparable", Level.INCONCLUSIVE)


def test_ttft_undefined_on_both_sides_is_said_and_does_not_block(reports):
    empty = {"ttft": reports.stats(None, 0)}
    cell = reports.cell(stats=empty, plateau=empty)
    finding = judged(ttft_p99, reports, cell, cell)
    assert (finding.kind, finding.level) == ("not_measured", Level.INFO)


def test_ttft_undefined_on_both_sides_of_an_all_failed_cell_blocks(reports):
    empty = {"ttft": reports.stats(None, 0)}
    cell = reports.cell(stats=empty, plateau=empty, succeeded=0)
    assert judged(ttft_p99, reports, cell, cell).level is Level.INCONCLUSIVE


def test_plateau_is_compared_where_both_sides_have_one(reports):
    now = reports.cell(stats={"ttft": reports.stats(9.0)}, plateau={"ttft": reports.stats(1.0)})
    finding = judged(ttft_p99, reports, now, reports.cell(ttft=1.0))
    assert finding.kind == "passed"
    assert "plateau" in finding.message


@pytest.mark.parametrize("ramp_only", ["now", "base"])
def test_without_a_plateau_on_one_side_all_samples_are_compared_on_both(reports, ramp_only):
    whole, flat = {"ttft": reports.stats(2.0)}, {"ttft": reports.stats(1.0)}
    now, base = (
        reports.cell(stats=whole, plateau={} if ramp_only == side else flat)
        for side in ("now", "base")
    )
    finding = judged(ttft_p99, reports, now, base)
    assert (finding.kind, finding.now, finding.base) == ("passed", 2.0, 2.0)
    assert "all samples" in finding.message


def test_p99_of_few_samples_is_flagged(reports):
    few = {"ttft": reports.stats(1.0, n=99)}
    now = reports.cell(stats=few, plateau=few)
    assert "few samples" in judged(ttft_p99, reports, now, reports.cell()).message
    assert "few samples" not in judged(ttft_p99, reports, reports.cell(), reports.cell()).message


@pytest.mark.parametrize("rule", [ttft_p99, e2e_p99, qps])
def test_same_cell_under_another_control_method_is_incomparable(reports, rule):
    finding = judged(rule, reports, reports.cell(control_method="queue"), reports.cell())
    assert finding.kind == "incomparable"
    assert "control_method is 'queue', was 'climb'" in finding.message


@pytest.mark.parametrize("rule", [ttft_p99, e2e_p99, qps])
@pytest.mark.parametrize("bad", ["now", "base"])
def test_uncertified_cells_are_not_compared(reports, rule, bad):
    now = reports.scenario(cells=(reports.cell(ttft=9, e2e=99, qps=1, ok=bad != "now"),))
    base = reports.scenario(cells=(reports.cell(ok=bad != "base"),))
    assert rule(now, base, SPEC) == []


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"mode": "external"}, "mode is "),
        ({"model": "other"}, "model is "),
        ({"quant": "w8a8"}, "quant is "),
        ({"backend": "openai"}, "backend is "),
        ({"fingerprint": {"engine": "vllm", "gpu": "none"}}, "engine is 'vllm', was 'mock'"),
        ({"fingerprint": {"engine": "mock"}}, "gpu is 'absent', was 'none'"),
    ],
)
def test_another_identity_is_incomparable_and_names_the_keys(reports, change, key):
    (finding,) = comparable(reports.scenario(**change), reports.scenario(), SPEC)
    assert (finding.kind, finding.level) == ("incomparable", Level.INCONCLUSIVE)
    assert key in finding.message
    assert comparable(reports.scenario(), reports.scenario(), SPEC) == []


def test_identity_is_asked_only_where_there_is_something_to_compare(reports):
    other = reports.scenario(fingerprint={}, cells=())
    assert comparable(other, reports.scenario(), SPEC) == []
    assert comparable(reports.scenario(), other, SPEC) == []


@pytest.mark.parametrize(
    ("worth", "level"), [("ignore", Level.INFO), ("warn", Level.WARN), ("fail", Level.FAIL)]
)
def test_missing_baseline_is_worth_what_the_profile_says(reports, worth, level):
    spec = GateSpec(missing_baseline=worth)
    (finding,) = baseline_present(reports.scenario(), None, spec)
    assert (finding.kind, finding.level) == ("missing_baseline", level)


def test_only_the_cells_that_the_baseline_lacks_are_reported(reports):
    known, fresh = reports.cell(concurrency=4), reports.cell(concurrency=8)
    now = reports.scenario(cells=(known, fresh))
    (finding,) = baseline_present(now, reports.scenario(cells=(known,)), SPEC)
    assert finding.where == "in128_out32_c8"
    assert baseline_present(reports.scenario(cells=()), None, SPEC) == []


def test_a_baseline_scenario_without_cells_is_missing(reports):
    base = replace(reports.scenario(), cells=())
    (finding,) = baseline_present(reports.scenario(), base, SPEC)
    assert finding.where == "scenario"


def test_qps_of_the_plateau_is_compared_when_both_sides_have_one(reports):
    now = reports.scenario(cells=(reports.cell(qps=10.0, plateau_qps=20.0),))
    base = reports.scenario(cells=(reports.cell(qps=20.0, plateau_qps=20.0),))
    [finding] = qps(now, base, GateSpec())
    assert (finding.kind, finding.now) == ("passed", 20.0)
    short = reports.scenario(cells=(reports.cell(qps=10.0, plateau_qps=None),))
    [finding] = qps(short, base, GateSpec())
    assert (finding.kind, finding.now, finding.base) == ("broken", 10.0, 20.0)
