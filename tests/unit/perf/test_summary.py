import time
from dataclasses import astuple

import numpy as np
import pyarrow as pa
import pytest

from rayeval.domain.perf import PerfSpec
from rayeval.domain.records import REQUESTS
from rayeval.perf.summary import describe, summarise

SPEC = PerfSpec(concurrency=(2,), input_length=(8,), output_length=(8,), control_method="queue")
CELL = SPEC.cells()[0]


def summary(table, spec=SPEC):
    return summarise(table, CELL, spec, provider="p", execution_time="now")


def reply(start, end, **more):
    """一个成功的请求：四个 token，首 token 0.1 秒。"""
    row = {
        "start_s": start,
        "end_s": end,
        "e2e_s": end - start,
        "ttfb_s": 0.05,
        "ttft_s": 0.1,
        "ttfa_s": 0.1,
        "second_token_s": 0.2,
        "last_token_s": 0.4,
        "itl_s": [0.1, 0.1, 0.1],
        "token_events": 4,
        "completion_tokens": 4,
        "prompt_tokens": 8,
        "tokens_source": "usage",
    }
    return row | more


def failed(kind, start=0.0, end=1.0, **more):
    return {"start_s": start, "end_s": end, "error_class": kind, "ttft_s": 9.0, **more}


def test_qps_and_throughput_count_successes_over_the_whole_wall(make_table):
    found = summary(make_table(reply(0.0, 1.0), reply(0.5, 1.5), failed("http_5xx", 1.0, 4.0)))
    assert (found.wall_s, found.issued, found.succeeded, found.failed) == (4.0, 3, 2, 1)
    assert (found.qps, found.output_throughput, found.total_throughput) == (0.5, 2.0, 6.0)
    assert (found.fail_ratio, found.errors) == (pytest.approx(1 / 3), {"http_5xx": 1})
    assert found.stats["ttft"].max == pytest.approx(0.1), "a failed request's TTFT got in"


def test_an_all_failed_cell_is_zero_and_undefined(make_table):
    found = summary(make_table(failed("timeout"), failed("reset")))
    assert (found.qps, found.fail_ratio, found.timeout_ratio) == (0.0, 1.0, 0.5)
    assert astuple(found.stats["ttft"]) == (0,) + (None,) * 8
    assert (found.avg_prompt_tokens, found.tokens_source) == (None, "")


def test_an_empty_table_does_not_crash():
    found = summary(REQUESTS.empty_table())
    assert (found.qps, found.issued, found.fail_ratio, found.errors) == (0.0, 0, 0.0, {})


def test_warmup_is_in_nothing(make_table):
    warm = reply(0.0, 50.0, phase="warmup", ttft_s=40.0)
    found = summary(make_table(warm, failed("timeout", phase="warmup"), reply(51.0, 52.0)))
    assert (found.wall_s, found.issued, found.failed, found.errors) == (1.0, 1, 0, {})
    assert found.stats["ttft"].max == pytest.approx(0.1)


def test_the_walls_of_the_epochs_add_up(make_table):
    found = summary(make_table(reply(1.0, 2.0), reply(3.0, 5.0, epoch=1), reply(3.5, 4.0, epoch=1)))
    assert found.wall_s == 3.0


def test_workers_of_an_epoch_share_one_wall(make_table):
    assert summary(make_table(reply(0.0, 2.0), reply(1.0, 5.0, worker=1))).wall_s == 5.0


def test_plateau_has_only_its_own_samples(make_table):
    found = summary(make_table(reply(0, 1, phase="ramp", ttft_s=0.9), reply(1, 2)))
    assert (found.stats["ttft"].n, found.plateau["ttft"].n) == (2, 1)
    assert found.plateau["ttft"].max == pytest.approx(0.1)


def test_requests_that_we_cut_are_neither_issued_nor_failed(make_table):
    found = summary(make_table(reply(0.0, 1.0), failed("cancelled")))
    assert (found.issued, found.failed, found.errors) == (1, 0, {"cancelled": 1})


def test_tpot_definitions(make_table):
    found = summary(make_table(reply(0.0, 1.0)))
    assert found.stats["tpot"].avg == pytest.approx(0.3 / 3)
    assert found.stats["tpot_sec"].avg == pytest.approx(0.2 / 2)
    assert found.stats["first_gap"].avg == pytest.approx(0.1)


def test_one_token_outputs_have_no_tpot_and_drag_nothing(make_table):
    one = reply(0, 1, token_events=1, completion_tokens=1, last_token_s=0.1, second_token_s=None)
    one["itl_s"] = None
    two = reply(0, 1, token_events=2, completion_tokens=2, last_token_s=0.2, itl_s=[0.1])
    found = summary(make_table(one, two, reply(0, 1)))
    assert [found.stats[k].n for k in ("ttft", "tpot", "tpot_sec", "itl")] == [3, 2, 1, 4]
    assert found.stats["tpot"].min == pytest.approx(0.1)


def test_all_tokens_in_one_event_have_no_tpot(make_table):
    lump = reply(0, 1, token_events=1, last_token_s=0.1, second_token_s=None, itl_s=None)
    assert summary(make_table(lump)).stats["tpot"].n == 0


def test_tpot_goes_by_usage_where_chunks_hold_many_tokens(make_table):
    found = summary(make_table(reply(0, 1, completion_tokens=31)))
    assert found.stats["tpot"].avg == pytest.approx(0.01)


def test_undefined_first_tokens_are_left_out_and_never_zero(make_table):
    found = summary(make_table(reply(0, 1), reply(0, 1, ttft_s=None, last_token_s=None)))
    assert (found.stats["ttft"].n, found.stats["ttft"].min) == (1, pytest.approx(0.1))


def test_percentiles_are_linear():
    found = describe(np.array([1.0, 2.0, 3.0, 4.0, np.nan]))
    assert (found.n, found.p50, found.p75, found.p90) == (4, 2.5, 3.25, pytest.approx(3.7))


def test_min_avg_max_stay_in_order_in_every_family():
    for value in (0.1, 0.1 + 1e-17, 1 / 3):
        found = describe(np.full(1001, value, dtype=np.float32))
        assert found.min <= found.avg <= found.max


def test_mixed_token_sources_are_said(make_table):
    table = make_table(reply(0, 1), reply(0, 1, tokens_source="events"))
    assert summary(table).tokens_source == "mixed"


def test_a_hundred_thousand_rows_take_well_under_a_second():
    n, gaps = 100_000, 16
    values = pa.array(np.random.default_rng(0).random(n * gaps, dtype=np.float32))
    columns = {
        "epoch": np.zeros(n, np.int32),
        "phase": np.full(n, "plateau"),
        "start_s": np.arange(n) / 100,
        "end_s": np.arange(n) / 100 + 1,
        "ttft_s": np.full(n, 0.1),
        "last_token_s": np.full(n, 0.5),
        "token_events": np.full(n, gaps + 1),
        "completion_tokens": np.full(n, gaps + 1),
        "itl_s": pa.ListArray.from_arrays(np.arange(0, n * gaps + 1, gaps, np.int32), values),
    }
    arrays = [
        pa.array(columns[f.name], f.type) if f.name in columns else pa.nulls(n, f.type)
        for f in REQUESTS
    ]
    table = pa.Table.from_arrays(arrays, schema=REQUESTS)
    begin = time.process_time()
    assert summary(table).stats["itl"].n == n * gaps
    assert time.process_time() - begin < 1.0


def test_plateau_qps_leaves_the_ramp_out(make_table):
    ramp = reply(0.0, 5.0, phase="ramp")
    steady = [reply(5.0, 6.0, phase="plateau"), reply(6.0, 7.0, phase="plateau")]
    found = summary(make_table(ramp, *steady))
    assert found.qps == pytest.approx(3 / 7)
    assert found.plateau_qps == pytest.approx(1.0)
    assert summary(make_table(ramp)).plateau_qps is None


def test_plateau_qps_counts_the_time_of_failures_too(make_table):
    lost = failed("reset", 1.0, 4.0, phase="plateau")
    assert summary(make_table(reply(0.0, 1.0, phase="plateau"), lost)).plateau_qps == 0.25
