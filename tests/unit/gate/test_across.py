"""点名比两个不同的服务：数都在，一条说为何不判，别的场景照判。"""

from dataclasses import replace

from rayeval.domain.verdict import GateSpec, Level
from rayeval.gate.across import alike, differing, lone, strangers, unjudged
from rayeval.gate.judge import judge

OTHER = {"engine": "sglang", "gpu": "none"}


def told(now, base):
    """照 `compare` 的做法判。"""
    verdict = judge(now, alike(base, now), GateSpec())
    return list(unjudged(verdict.findings, differing(now, base)))


def test_a_slower_other_engine_shows_its_numbers_and_breaks_nothing(reports):
    slow = reports.scenario(cells=(reports.cell(ttft=2.0),), fingerprint=OTHER, mode="external")
    found = told(reports.run(slow), reports.run())
    [ttft] = [f for f in found if f.rule == "ttft_p99"]
    assert (ttft.now, ttft.base, ttft.change) == (2.0, 1.0, 1.0)
    assert (ttft.kind, ttft.level, ttft.robust) == ("incomparable", Level.INFO, "")
    [why] = [f for f in found if f.rule == "comparable"]
    assert why.level is Level.INCONCLUSIVE
    assert "shown and not judged" in why.message
    for words in ("engine is 'sglang', was 'mock'", "mode is 'external', was 'local'"):
        assert words in why.message
    assert Level.FAIL not in {f.level for f in found}


def test_what_is_not_a_comparison_is_judged_all_the_same(reports):
    low = reports.scenario(fingerprint=OTHER, accuracy=reports.accuracy(0.2))
    found = told(reports.run(low), reports.run())
    [accuracy] = [f for f in found if f.rule == "accuracy"]
    assert accuracy.level is Level.FAIL


def test_only_the_scenario_that_differs_is_left_unjudged(reports):
    slow = reports.scenario(cells=(reports.cell(ttft=2.0),))
    now = reports.run(slow, replace(slow, scenario="other", fingerprint=OTHER))
    base = reports.run(reports.scenario(), reports.scenario(scenario="other"))
    levels = {f.scenario: f.level for f in told(now, base) if f.rule == "ttft_p99"}
    assert levels == {"local_demo": Level.FAIL, "other": Level.INFO}


def test_runs_of_one_service_are_judged_as_ever(reports):
    now, base = reports.run(reports.scenario(cells=(reports.cell(ttft=2.0),))), reports.run()
    assert told(now, base) == list(judge(now, base, GateSpec()).findings)
    assert differing(now, base) == {}


def test_a_cell_that_the_other_lacks_is_still_missing(reports):
    more = reports.scenario(cells=(reports.cell(), reports.cell(concurrency=8)), fingerprint=OTHER)
    found = told(reports.run(more), reports.run())
    assert [f.where for f in found if f.kind == "missing_baseline"] == ["in128_out32_c8"]


def test_lone_scenarios_meet_whatever_their_names(reports):
    now = reports.run(reports.scenario(scenario="sglang", fingerprint=OTHER))
    base = reports.run(reports.scenario(scenario="vllm"))
    [why] = differing(now, base).values()
    assert why.message.endswith("A calls it 'vllm'")
    assert lone(base, now).scenarios[0].scenario == "sglang"
    assert lone(base, base) is base
    assert strangers(now, lone(base, now)) == []


def test_runs_without_a_common_scenario_name_what_each_holds(reports):
    now = reports.run(reports.scenario(scenario="a"), reports.scenario(scenario="b"))
    base = reports.run(reports.scenario(scenario="c"))
    assert lone(base, now) is base
    [finding] = strangers(now, base)
    assert finding.level is Level.INCONCLUSIVE
    assert "A holds c, B holds a, b" in finding.message
