"""Prometheus 的文本、增量与分位数：坏行丢自己，重置过就是未定义。"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.perf.exposition import buckets, growth, quantile, read_page, restarted, total

INF = math.inf
NONE = ()


def test_only_wanted_samples_are_read_and_labels_may_hold_anything():
    text = (
        "# HELP a x\n# TYPE a counter\n"
        'a_total{model_name="m\\"},{ \\n",engine="0"} 3\n'
        "a_total_created 1\n"
        "a_total  7 1700000000000\n"
        "b_total 9\n"
    )
    page = read_page(text, {"a_total"})
    assert page == {"a_total": {(("engine", "0"), ("model_name", 'm"},{ \n')): 3.0, NONE: 7.0}}


@pytest.mark.parametrize(
    "bad",
    ['a{x="1} 3', "a", "a{} x", "a nan", 'a{x="1",x="2"} 1', "a{", "a{x=1} 2", '{"a"} 1', "a 1_0"],
)
def test_a_bad_line_costs_only_itself(bad):
    assert read_page(f"{bad}\na 5\n\x00\nb 1", {"a", "b"}) == {"a": {NONE: 5.0}, "b": {NONE: 1.0}}


def test_other_models_of_the_page_are_left_out_unless_none_is_ours():
    text = 'a{model_name="x"} 1\na{model_name="y"} 2\na 4\n'
    assert sorted(read_page(text, {"a"}, "x")["a"].values()) == [1.0, 4.0]
    assert sum(read_page(text, {"a"}, "an alias")["a"].values()) == 7.0


def test_growth_counts_new_series_from_zero():
    assert total({"a": {NONE: 2.0}}, {"a": {NONE: 5.0, (("x", "1"),): 1.0}}, ("z", "a")) == 4.0
    assert total({}, {"a": {NONE: 5.0}}, ("a",)) == 5.0


@pytest.mark.parametrize("after", [{}, {"a": {}}, {"a": {NONE: 1.0}}, {"a": {(("x", "1"),): 9.0}}])
def test_a_counter_that_shrank_or_vanished_is_undefined(after):
    assert growth({"a": {NONE: 2.0}}, after, "a") is None
    assert total({"a": {NONE: 2.0}}, after, ("a",)) is None


def test_another_start_time_is_a_restart_even_where_the_counts_have_caught_up():
    assert restarted({"p": {NONE: 1.0}}, {"p": {NONE: 2.0}}, "p")
    assert not restarted({"p": {NONE: 1.0}}, {"p": {NONE: 1.0}}, "p")
    assert not restarted({}, {"p": {NONE: 2.0}}, "p")


@pytest.mark.parametrize(
    ("cells", "q", "expected"),
    [
        ([(1.0, 0.0), (2.0, 10.0), (INF, 10.0)], 0.5, 1.5),
        ([(1.0, 10.0), (INF, 10.0)], 0.5, 0.5),  # 第一格从零起
        ([(1.0, 4.0), (2.0, 4.0), (4.0, 8.0), (INF, 8.0)], 0.75, 3.0),  # 空格跳过
        ([(1.0, 5.0), (INF, 10.0)], 0.99, 1.0),  # 落在 +Inf 里：次高的上界
        ([(-1.0, 10.0), (INF, 10.0)], 0.5, -1.0),
        ([(1.0, 10.0)], 0.5, None),  # 没有 +Inf
        ([(INF, 10.0)], 0.5, None),
        ([(1.0, 0.0), (INF, 0.0)], 0.5, None),
        ([], 0.5, None),
    ],
)
def test_quantiles_by_prometheus_rule(cells, q, expected):
    assert quantile(tuple(cells), q) == expected


def test_buckets_of_several_replicas_add_up_and_never_fall():
    series = {
        (("le", "1.0"), ("engine", "0")): 3.0,
        (("engine", "1"), ("le", "1")): 2.0,
        (("le", "2"),): 4.0,
        (("le", "+Inf"),): 9.0,
        (("le", "odd"),): 99.0,
        NONE: 99.0,
    }
    assert buckets(series) == ((1.0, 5.0), (2.0, 5.0), (INF, 9.0))


@given(
    st.lists(st.floats(0.001, 100), min_size=1, max_size=60),
    st.lists(st.floats(0.001, 100), min_size=1, max_size=12, unique=True),
    st.floats(0.01, 0.99),
)
def test_a_quantile_lies_in_the_bucket_of_its_sample(samples, bounds, q):
    edges = [*sorted(bounds), INF]
    cells = tuple((edge, float(sum(s <= edge for s in samples))) for edge in edges)
    found = quantile(cells, q)
    rank = math.ceil(q * len(samples)) or 1
    sample = sorted(samples)[rank - 1]
    high = next(edge for edge in edges if sample <= edge)
    low = max([edge for edge in edges if edge < sample], default=0.0)
    assert found is not None
    assert (found == edges[-2]) if high == INF else (low - 1e-9 <= found <= high + 1e-9)
