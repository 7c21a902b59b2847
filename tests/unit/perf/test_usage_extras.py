"""服务在最后一块里自报的时间：各家的写法，与各种坏形状。"""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.perf.usage_extras import NO_TIMES, ServerTimes, server_times

USAGE = {"prompt_tokens": 8, "completion_tokens": 4, "total_tokens": 12}
PHASES = {"queue_time": 0.1, "prompt_time": 0.2, "completion_time": 0.4, "total_time": 0.6}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (
            {
                "choices": [],
                "usage": USAGE,
                "timings": {
                    "prompt_n": 8,
                    "prompt_ms": 50.0,
                    "predicted_n": 4,
                    "predicted_ms": 40.0,
                    "predicted_per_token_ms": 10.0,
                    "draft_n": 16,
                    "draft_n_accepted": 12,
                },
            },
            ServerTimes(0.05, 0.01, 0.09, 0.75),
        ),
        ({"timings": {"predicted_ms": 40, "predicted_n": 4}}, ServerTimes(tpot_s=0.01)),
        (
            {"timings": {"prompt_ms": 5, "predicted_n": 1, "predicted_per_token_ms": 3}},
            ServerTimes(ttft_s=0.005),
        ),
        (
            {"usage": USAGE, "prefill_time": 200, "decode_time_arr": [20, 40]},
            ServerTimes(0.2, 0.03, 0.26),
        ),
        ({"prefill_time": 200, "decode_time_arr": [20, None]}, ServerTimes(0.2, None, 0.2)),
        ({"usage": USAGE | PHASES}, ServerTimes(0.3, 0.1, 0.7)),
        (USAGE | PHASES, ServerTimes(0.3, 0.1, 0.7)),
        ({"usage": USAGE, "time_info": PHASES | {"total_time": 0.8}}, ServerTimes(0.3, 0.1, 0.8)),
        (
            {"meta_info": {"e2e_latency": 1.5, "spec_accept_rate": 0.8}},
            ServerTimes(e2e_s=1.5, spec_accept_rate=0.8),
        ),
        ({"usage": USAGE | {"ttft_ms": 12, "tpot_s": 0.5}}, ServerTimes(0.012, 0.5)),
        ({"metrics": {"time_to_first_token_ms": 12}}, ServerTimes(0.012)),
    ],
)
def test_each_engine_in_seconds(source, expected):
    found = server_times(source)
    for name in ("ttft_s", "tpot_s", "e2e_s", "spec_accept_rate"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name


@pytest.mark.parametrize(
    "source",
    [
        *(None, [], "x", 3, {}, USAGE, {"usage": USAGE}, {"usage": None}, {"usage": [1]}),
        {"timings": None, "usage": USAGE},
        {"timings": [], "meta_info": "x", "time_info": 3, "metrics": [{}]},
        {"timings": {"prompt_ms": "5", "predicted_ms": True, "predicted_n": None}},
        {"timings": {"prompt_ms": math.nan, "draft_n": 0, "draft_n_accepted": 0}},
        {"timings": {"prompt_ms": -1, "predicted_per_token_ms": 10**400}},
        {"timings": {"draft_n": 3, "draft_n_accepted": 5}},
        {"prefill_time": None, "decode_time_arr": "x"},
        {"usage": {"completion_time": None, "total_time": {}, "completion_tokens": "4"}},
    ],
)
def test_what_says_nothing_is_no_times(source):
    assert server_times(source) == NO_TIMES


KEYS = [
    *("usage", "timings", "metrics", "meta_info", "time_info", "prefill_time", "decode_time_arr"),
    *("prompt_ms", "predicted_ms", "predicted_n", "draft_n", "total_time", "ttft_ms"),
]
json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=12,
)


@given(json)
def test_no_shape_breaks_it_and_no_time_is_negative(source):
    found = server_times(source)
    for value in (found.ttft_s, found.tpot_s, found.e2e_s, found.spec_accept_rate):
        assert value is None or 0 <= value < math.inf
