"""功能阶段的总数：套件都说了才有，从不小于做完的。"""

from dataclasses import replace

import pytest

from rayeval.domain.events import Progress
from rayeval.domain.functional import CaseResult, FunctionalSpec, Outcome, SuiteSize
from rayeval.domain.resume import Done
from rayeval.domain.run import ScenarioPlan
from rayeval.domain.service import Endpoint
from rayeval.functional.context import bare_scenario
from rayeval.pipeline.executor import Crash, Emission
from rayeval.pipeline.stage import Bench, functional
from rayeval.pipeline.tally import Tally

ENDPOINT = Endpoint("http://127.0.0.1:9/v1", "m")


def case(suite, name="a"):
    return CaseResult(suite, f"{suite}/{name}", Outcome.PASS, 0.1)


class Scripted:
    """照剧本说话的执行者：套件名 → 它说的话，Crash 即垮掉；几个套件轮着说。"""

    def __init__(self, script):
        self.script = script

    def fan_out(self, fn, items, profile, *, pulse):
        for index, item in enumerate(items):
            for said in self.script.get(item.suite, ()):
                if isinstance(said, Crash):
                    yield Emission(index, item, crash=said)
                    break
                yield Emission(index, item, event=said)
            else:
                yield Emission(index, item)


@pytest.fixture
def counts():
    """跑一遍功能阶段，给出各次进展的（做完的，总数）。"""

    def play(script, **changes):
        suites = tuple(name for name in script if name not in {"capabilities", "*"})
        spec = FunctionalSpec(suites=suites, probe="capabilities" in script)
        plan = ScenarioPlan(scenario=bare_scenario(ENDPOINT, {}), functional=spec)
        bench = Bench(plan, ENDPOINT, Scripted(script), None, lambda: None, "r")
        events = functional(replace(bench, **changes))
        return [(e.done, e.total) for e in events if isinstance(e, Progress)]

    return play


def test_total_is_known_once_every_suite_has_said_its_count(counts):
    seen = counts(
        {
            "capabilities": [SuiteSize("capabilities", 1), case("capabilities")],
            "guided": [SuiteSize("guided", 2), case("guided"), case("guided", "b")],
            "reasoning": [SuiteSize("reasoning", 1), case("reasoning")],
        }
    )
    assert seen[:7] == [(0, 0), (1, 0), (1, 0), (1, 0), (2, 0), (3, 0), (3, 0)]
    assert seen[7:] == [(3, 4), (4, 4), (4, 4)]


def test_done_never_exceeds_the_total_and_ends_equal_to_it(counts):
    seen = counts(
        {
            "guided": [Crash("worker_died", "killed")],
            "mine": [case("mine", "session")],
            "early": [SuiteSize("early", 30), case("early", "session")],
            "more": [SuiteSize("more", 1), case("more"), case("more", "session")],
        }
    )
    assert all(done <= total for done, total in seen if total)
    assert seen[-1] == (5, 5)


def test_suites_kept_from_before_count_as_done(counts):
    done = Done(suites=frozenset({"guided"}), cases=(case("guided"), case("guided", "b")))
    seen = counts(
        {"guided": [], "reasoning": [SuiteSize("reasoning", 1), case("reasoning")]}, done=done
    )
    assert seen == [(2, 3), (3, 3), (3, 3)]


def test_a_suite_without_cases_does_not_hide_the_total():
    tally = Tally(["a", "b"])
    tally.expect(SuiteSize("a", 0))
    tally.expect(SuiteSize("b", 2))
    assert tally.total == 2


@pytest.mark.parametrize("counting", [[], [Crash("worker_died", "killed")]])
def test_suites_that_could_not_be_counted_ahead_say_their_count_themselves(counts, counting):
    probe, guided = (case("capabilities"),), [SuiteSize("guided", 1), case("guided")]
    seen = counts({"capabilities": probe, "*": counting, "guided": guided})
    assert seen[-1] == (2, 2)


def test_total_is_known_before_the_suites_run_when_they_were_counted_beside_the_probe(counts):
    seen = counts(
        {
            "capabilities": [SuiteSize("capabilities", 1), case("capabilities")],
            "*": [SuiteSize("guided", 1), SuiteSize("reasoning", 1)],
            "guided": [SuiteSize("guided", 1), case("guided")],
            "reasoning": [SuiteSize("reasoning", 1), case("reasoning")],
        }
    )
    assert seen[3:5] == [(1, 0), (1, 3)]
    assert {total for _, total in seen[4:]} == {3}
    assert seen[-1] == (3, 3)
