import time
from dataclasses import astuple

import numpy as np
import pyarrow as pa
import pytest

from rayeval.domain.perf import PerfSpec
from rayeval.domain.records import REQUESTS
from rayeval.domain.report import ServerMetrics, Stats
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


def spec_with(**changes):
    return PerfSpec(**{**SPEC.model_dump(), **changes})


def test_good_are_the_successes_that_meet_every_objective(make_table):
    slo = spec_with(goodput={"ttft": 100, "e2e": 1000})
    slow_first, slow_last = reply(0, 1, ttft_s=0.101), reply(0, 1.5)
    found = summary(make_table(reply(0, 1), slow_first, slow_last, failed("reset", 0, 2)), slo)
    assert (found.good_qps, found.good_ratio) == (0.5, 0.25)
    assert found.slo == {"ttft": 100, "e2e": 1000}


def test_an_undefined_metric_does_not_meet_its_objective(make_table):
    slo = spec_with(goodput={"tpot": 1e6})
    one = reply(0, 1, token_events=1, completion_tokens=1, last_token_s=0.1, second_token_s=None)
    assert summary(make_table(one, reply(0, 1)), slo).good_ratio == 0.5


def test_without_objectives_there_is_no_goodput_and_without_rows_it_is_zero(make_table):
    assert summary(make_table(reply(0, 1))).good_qps is None
    empty = summary(REQUESTS.empty_table(), spec_with(goodput={"ttft": 1}))
    assert (empty.good_qps, empty.good_ratio) == (0.0, 0.0)


def test_warmup_is_not_good(make_table):
    slo = spec_with(goodput={"ttft": 1000})
    found = summary(make_table(reply(0, 1, phase="warmup"), reply(0, 1)), slo)
    assert (found.good_qps, found.good_ratio) == (1.0, 1.0)


def test_response_time_is_e2e_plus_the_wait_and_closed_loops_have_none(make_table):
    found = summary(make_table(reply(0, 1, client_queue_s=0.5), reply(0, 2, client_queue_s=0.0)))
    assert (found.stats["client_queue"].max, found.stats["response"].max) == (0.5, 2.0)
    assert found.stats["response"].min == 1.5
    closed = summary(make_table(reply(0, 1)))
    assert (closed.stats["client_queue"].n, closed.stats["response"].n) == (0, 0)


def test_an_open_loop_is_all_plateau(make_table):
    rate = spec_with(control_method="rate", open_loop={"request_rate": 5})
    rows = (reply(0, 1, phase="ramp"), reply(0, 2, phase="ramp"), reply(0, 9, phase="warmup"))
    found = summary(make_table(*rows), rate)
    assert found.plateau == found.stats
    assert (found.plateau["ttft"].n, found.plateau_qps) == (2, found.qps)


def test_tokens_per_event_shows_chunks_of_many_tokens(make_table):
    lumps = reply(0, 1, token_events=4, completion_tokens=32)
    assert summary(make_table(lumps, reply(0, 1))).tokens_per_event == 36 / 8
    assert summary(make_table(failed("reset"))).tokens_per_event is None


def test_shed_requests_are_counted_beside_the_issued(make_table):
    table = make_table(reply(0, 1))
    found = summarise(table, CELL, SPEC, provider="p", execution_time="now", shed=7)
    assert (found.shed, found.issued, found.fail_ratio) == (7, 1, 0.0)


SERVER = ServerMetrics(
    source="vllm",
    stats={"server_ttft": Stats(5, avg=0.5), "server_queue": Stats(5, avg=0.1)},
    cache_hit_ratio=0.9,
)


def test_what_rows_report_of_the_server_wins_over_its_metrics(make_table):
    table = make_table(reply(0, 1, server_ttft_s=0.05, cached_tokens=0), reply(0, 1))
    found = summarise(table, CELL, SPEC, provider="p", execution_time="now", server=SERVER)
    assert (found.stats["server_ttft"].n, found.stats["server_ttft"].avg) == (1, 0.05)
    assert (found.cache, found.cache_hit_ratio) == ("cold", 0.0)


def test_what_rows_do_not_report_comes_from_the_metrics(make_table):
    table = make_table(reply(0, 1))
    found = summarise(table, CELL, SPEC, provider="p", execution_time="now", server=SERVER)
    assert found.stats["server_ttft"] == SERVER.stats["server_ttft"]
    assert found.plateau["server_ttft"].n == 0
    assert "server_queue" not in found.stats
    assert (found.cache, found.cache_hit_ratio) == ("contaminated", 0.9)
    assert found.server is SERVER


def test_server_families_of_the_rows(make_table):
    row = reply(0, 1, server_tpot_s=0.01, server_e2e_s=0.9, spec_accept_rate=0.7)
    found = summary(make_table(row, failed("reset", server_e2e_s=99.0)))
    names = ("server_tpot", "server_e2e", "spec_accept_rate")
    assert [found.stats[name].max for name in names] == [0.01, 0.9, 0.7]


def test_the_cache_is_unknown_where_nobody_says_and_warm_where_it_was_asked(make_table):
    assert summary(make_table(reply(0, 1))).cache == "unknown"
    shared = spec_with(shared_prefix=4)
    assert summary(make_table(reply(0, 1, cached_tokens=4)), shared).cache == "warm"


def test_p99_of_few_samples_is_flagged():
    assert describe(np.ones(99)).p99_is_thin
    assert not describe(np.ones(100)).p99_is_thin
    assert not describe(np.empty(0)).p99_is_thin
    assert not Stats(5, avg=1.0).p99_is_thin


def test_workers_tables_need_not_be_joined(make_table):
    one = make_table(reply(0, 1), reply(0, 2, itl_s=[0.3]))
    other = make_table(failed("timeout", 0, 4), reply(0, 3, worker=1, itl_s=None))
    joined = pa.concat_tables([one, other])
    assert summary(joined) == summary(joined.combine_chunks())
    assert summary(joined).stats["itl"].n == 4


def test_a_failure_is_never_good_however_fast_its_first_token(make_table):
    slo = spec_with(goodput={"ttft": 500})
    found = summary(make_table(failed("reset", ttft_s=0.1), reply(0, 1)), slo)
    assert found.good_ratio == 0.5
