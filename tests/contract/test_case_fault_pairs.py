"""每个功能用例都有一种故障叫它不过，每种故障都有用例抓得住：没有走过场的用例。"""

from __future__ import annotations

import pytest

from rayeval.mock.faults.registry import FAULTS
from tests.contract import pairs

AGAIN = "run `python -m tests.contract.pairs`"


@pytest.fixture(scope="module")
def plain() -> dict[str, str]:
    """没有故障时每个用例的结局。"""
    (said,) = pairs.side_by_side([(None, None)])
    return said


@pytest.fixture(scope="module")
def cases(plain) -> list[str]:
    return list(plain)


def test_without_a_fault_every_case_passes(plain):
    assert len(plain) > 150
    assert {case: said for case, said in plain.items() if said != "PASS"} == {}


def test_every_case_has_a_fault_that_makes_it_fail(cases):
    alone = pairs.unpaired(cases, pairs.stored())
    assert not alone, f"no fault is known to make these fail; {AGAIN}: {alone}"


def test_every_fault_is_caught_by_a_case(cases):
    stored = pairs.stored()
    assert list(stored) == [fault.name for fault in FAULTS], f"other faults than stored; {AGAIN}"
    idle = [name for name, mine in stored.items() if not pairs.claimed(mine, cases)]
    assert not idle, f"no case catches these faults: {idle}"


def test_every_pair_holds(cases):
    jobs = [(name, pairs.claimed(mine, cases)) for name, mine in pairs.stored().items()]
    found = pairs.side_by_side(jobs)
    standing = [
        f"{name}: {case} {said.get(case, 'did not run')}"
        for (name, mine), said in zip(jobs, found, strict=True)
        for case in mine
        if not pairs.fails(name, said.get(case, ""))
    ]
    assert not standing, f"these cases do not fail under their fault; {AGAIN}:\n" + "\n".join(
        standing
    )


def test_the_table_of_the_readme_is_the_stored_one():
    text = pairs.README.read_text(encoding="utf-8")
    assert pairs.readme_with(pairs.stored(), text) == text, f"tests/README.md is stale; {AGAIN}"


def test_a_case_that_nothing_makes_fail_is_told():
    cases = ["a/x[1]", "a/x[2]", "a/y"]
    assert pairs.unpaired(cases, {"stop_ignored": ["a/x[*]"]}) == ["a/y"]
    assert pairs.unpaired(cases, {"stop_ignored": ["a/x[1]"], "hang": ["*"]}) == ["a/x[2]", "a/y"]


def test_a_case_that_passes_or_errs_under_a_fault_is_no_witness():
    said = {name: pairs.fails("stop_ignored", name) for name in pairs.ORDER}
    assert said == {"PASS": False, "SKIP": False, "ERROR": False, "FAIL": True}
    assert pairs.fails("hang", "ERROR")


def test_claims_are_as_short_as_they_can_be_and_no_shorter():
    cases = ["a/x[s-en]", "a/x[s-zh]", "a/x[n-en]", "a/y", "a/z[t:-1]", "a/z[t:2]", "a/z[u:1]"]
    assert pairs.compact(cases[:2] + cases[4:6], cases) == ["a/x[s-*]", "a/z[t:*]"]
    assert pairs.compact(cases[:3], cases) == ["a/x[*]"]
    assert pairs.compact(["a/y", "a/x[n-en]"], cases) == ["a/x[n-en]", "a/y"]


def test_a_case_goes_to_the_fault_that_fails_the_fewest():
    caught = {"stop_ignored": {"a", "b"}, "stop_left": {"a"}, "hang": {"a", "b"}}
    chosen = pairs.chosen_pairs(caught, ["a", "b"])
    assert (chosen["stop_ignored"], chosen["stop_left"]) == (["b"], ["a"])
    assert chosen["hang"] == ["b", "a"] or chosen["hang"] == ["a", "b"]
