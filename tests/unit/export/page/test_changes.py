"""变化的图：右边总是变差，坏的在上，限是虚线。"""

from rayeval.domain.verdict import Finding, Level, Verdict
from rayeval.export.page.changes import MOST_ROWS, change_rows, changes_slot


def change(rule, ratio, where="in1_out1_c1", kind="passed", **more):
    values = {"scenario": "demo", "where": where, "message": "", "kind": kind}
    values |= {"now": 1 + ratio, "base": 1.0, "change": ratio, "threshold": 0.1} | more
    return Finding(rule, Level.OK, **values)


def drawn(*findings):
    slot = changes_slot(Verdict(findings, 0, "base"))
    return None if slot is None else slot.figures[""]


def points(figure, name):
    return next(t for t in figure["data"] if t["name"] == name and t["x"] != [None])


def test_nothing_compared_draws_nothing():
    assert drawn() is None
    assert drawn(Finding("functional", Level.FAIL, "broken", "demo", "", "x")) is None


def test_slower_and_fewer_are_both_to_the_right():
    made = drawn(change("ttft_p99", 0.2), change("qps", -0.3))
    assert points(made, "TTFT P99")["x"] == [20.0]
    assert points(made, "QPS")["x"] == [30.0]
    assert [shape["x0"] for shape in made["layout"]["shapes"]] == [10.0]


def test_an_interval_is_a_bar_around_its_point():
    made = drawn(change("qps", -0.3, low=-0.4, high=-0.1), change("ttft_p99", 0.1))
    bar = points(made, "QPS")["error_x"]
    assert (bar["arrayminus"], bar["array"]) == ([20.0], [10.0])
    assert points(made, "TTFT P99")["error_x"]["array"] == [0]


def test_the_worst_rows_are_on_top_and_many_are_cut():
    found = [change("e2e_p99", i / 100, f"cell{i}") for i in range(MOST_ROWS + 5)]
    order = drawn(*found)["layout"]["yaxis"]["categoryarray"][::-1]
    assert (order[0], len(order)) == (f"cell{MOST_ROWS + 4}", MOST_ROWS)


def test_rows_of_the_table_have_the_broken_first():
    found = change_rows(
        Verdict((change("qps", 0.1, kind="improved"), change("qps", -0.2, kind="broken")), 1, "b")
    )
    assert [finding.kind for finding, _ in found] == ["broken", "improved"]
