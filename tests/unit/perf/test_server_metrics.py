"""前后两页 /metrics 与我们的计数 → 服务的自述。"""

import pytest

from rayeval.perf.dialects import DIALECTS, WANTED
from rayeval.perf.exposition import read_page
from rayeval.perf.server_metrics import OurCounts, count_ours, fold

OURS = OurCounts(requests=4, prompt_tokens=400, generation_tokens=80, cached_tokens=100)


def page(text):
    return read_page(text, WANTED, "m")


def histogram(name, labels="", **counts):
    """`le=累计数`；下划线代替小数点。"""
    amount, *_ = reversed(counts.values())
    rows = [
        f'{name}_bucket{{le="{bound[1:].replace("_", ".")}"{labels}}} {n}'
        for bound, n in counts.items()
    ]
    rows += [
        f'{name}_bucket{{le="+Inf"{labels}}} {amount}',
        f"{name}_count{{{labels[1:]}}} {amount}",
    ]
    return "\n".join([*rows, f"{name}_sum{{{labels[1:]}}} {amount * 0.25}"])


def counters(**values):
    return "\n".join(f"{name.replace('__', ':')} {value}" for name, value in values.items())


VLLM_BEFORE = "\n".join(
    [
        histogram("vllm:time_to_first_token_seconds", b0_1=100, b0_5=100, b1=100),
        counters(
            vllm__prompt_tokens_total=1000,
            vllm__generation_tokens_total=500,
            vllm__prefix_cache_queries_total=1000,
            vllm__prefix_cache_hits_total=900,
        ),
    ]
)
VLLM_AFTER = "\n".join(
    [
        histogram("vllm:time_to_first_token_seconds", b0_1=100, b0_5=104, b1=104),
        histogram("vllm:inter_token_latency_seconds", b0_1=60, b0_5=76, b1=76),
        counters(
            vllm__prompt_tokens_total=1400,
            vllm__generation_tokens_total=580,
            vllm__prefix_cache_queries_total=1400,
            vllm__prefix_cache_hits_total=1000,
            vllm__spec_decode_num_draft_tokens_total=40,
            vllm__spec_decode_num_accepted_tokens_total=30,
        ),
        'vllm:request_success_total{finished_reason="length"} 3',
        'vllm:request_success_total{finished_reason="stop"} 1',
    ]
)


def test_vllm_counts_only_what_the_cell_added():
    found = fold(page(VLLM_BEFORE), page(VLLM_AFTER), OURS)
    ttft = found.stats["server_ttft"]
    assert (found.source, ttft.n, ttft.avg, ttft.p50) == ("vllm", 4, 0.25, pytest.approx(0.3))
    assert (ttft.min, ttft.max) == (None, None)
    assert found.names["server_tpot"] == "vllm:inter_token_latency_seconds"
    assert "server_e2e" not in found.stats
    assert (found.requests, found.prompt_tokens, found.generation_tokens) == (4, 400, 80)
    assert found.agrees == {"requests": 1.0, "prompt_tokens": 1.0, "generation_tokens": 1.0}
    assert found.cache_hit_ratio == 0.25
    assert found.stats["spec_accept_rate"].avg == 0.75
    assert found.stats["spec_accept_rate"].p99 is None


def test_the_per_request_tpot_wins_over_the_gaps_when_it_was_observed():
    name = "vllm:request_time_per_output_token_seconds"
    after = f"{VLLM_AFTER}\n{histogram(name, b0_1=4)}"
    assert fold(page(VLLM_BEFORE), page(after), OURS).names["server_tpot"] == name
    idle = f"{VLLM_AFTER}\n{histogram(name, b0_1=0)}"
    assert "inter" in fold(page(VLLM_BEFORE), page(idle), OURS).names["server_tpot"]


def test_a_restart_makes_what_shrank_undefined():
    found = fold(page(VLLM_AFTER), page(VLLM_BEFORE), OURS)
    assert (found.source, found.stats, found.agrees) == ("vllm", {}, {})
    assert (found.prompt_tokens, found.cache_hit_ratio) == (None, None)


def test_a_new_process_is_a_restart_though_its_counters_have_caught_up():
    before, after = (
        f"{text}\nprocess_start_time_seconds {start}\n"
        for text, start in ((VLLM_BEFORE, 1.0), (VLLM_AFTER, 2.0))
    )
    found = fold(page(before), page(after), OURS)
    assert (found.source, found.stats) == ("vllm", {})
    assert "restarted" in found.note


def test_engines_of_one_page_add_up():
    after = "\n".join(
        histogram("vllm:e2e_request_latency_seconds", f',engine="{i}"', b1=2) for i in (0, 1)
    )
    assert fold({}, page(after), OURS).stats["server_e2e"].n == 4


def test_sglang_with_its_cache_and_its_gauge():
    after = "\n".join(
        [
            histogram("sglang:time_to_first_token_seconds", ',model_name="m"', b1=4),
            histogram("sglang:queue_time_seconds", ',model_name="m"', b1=4),
            counters(
                sglang__prompt_tokens_total=400,
                sglang__cached_tokens_total=300,
                sglang__num_requests_total=5,
                sglang__spec_accept_rate=0.6,
            ),
        ]
    )
    found = fold({}, page(after), OURS)
    assert (found.source, found.cache_hit_ratio) == ("sglang", 0.75)
    assert set(found.stats) == {"server_ttft", "server_queue", "spec_accept_rate"}
    assert found.stats["spec_accept_rate"].avg == 0.6
    assert found.agrees == {"requests": 1.25, "prompt_tokens": 1.0}


def test_llamacpp_has_sums_only_so_only_an_average():
    before = counters(
        llamacpp__prompt_tokens_total=10,
        llamacpp__tokens_predicted_total=20,
        llamacpp__tokens_predicted_seconds_total=1,
    )
    after = counters(
        llamacpp__prompt_tokens_total=310,
        llamacpp__tokens_predicted_total=100,
        llamacpp__tokens_predicted_seconds_total=3,
    )
    found = fold(page(before), page(after), OURS)
    tpot = found.stats["server_tpot"]
    assert (tpot.n, tpot.avg, tpot.p50, tpot.max) == (80, 2 / 80, None, None)
    assert found.agrees == {"prompt_tokens": 1.0, "generation_tokens": 1.0}


def test_llamacpp_counts_cached_prompt_tokens_apart_where_it_counts_them():
    after = counters(
        llamacpp__prompt_tokens_total=300,
        llamacpp__prompt_tokens_cached_total=100,
        llamacpp__spec_decode_num_draft_tokens_total=0,
        llamacpp__spec_decode_num_accepted_tokens_total=0,
    )
    found = fold({}, page(after), OURS)
    assert (found.prompt_tokens, found.agrees, found.cache_hit_ratio) == (
        400,
        {"prompt_tokens": 1.0},
        0.25,
    )
    assert found.stats == {}


def test_tgi_and_mindie_by_their_own_names():
    tgi = f"{histogram('tgi_request_duration', b1=4)}\ntgi_request_success{{method=\"x\"}} 4\n"
    found = fold({}, page(tgi), OURS)
    assert (found.source, found.stats["server_e2e"].n, found.requests) == ("tgi", 4, 4)
    mindie = histogram("time_to_first_token_seconds", ',model_name="m"', b1=4)
    assert fold({}, page(mindie), OURS).source == "mindie"


def test_a_histogram_without_buckets_still_has_its_average():
    text = "vllm:e2e_request_latency_seconds_sum 2\nvllm:e2e_request_latency_seconds_count 4\n"
    e2e = fold({}, page(text), OURS).stats["server_e2e"]
    assert (e2e.n, e2e.avg, e2e.p99) == (4, 0.5, None)


def test_an_idle_or_unknown_page_says_nothing_and_breaks_nothing():
    idle = fold(page(VLLM_AFTER), page(VLLM_AFTER), OurCounts())
    assert (idle.source, idle.stats, idle.agrees) == ("vllm", {}, {})
    unknown = fold({}, page("go_goroutines 5\n"), OURS)
    assert (unknown.source, unknown.stats) == ("", {})


def test_no_two_engines_share_a_name():
    names = [name for dialect in DIALECTS for name in dialect.samples]
    assert len(names) == len(set(names))


def test_our_counts_leave_failures_out(make_table):
    rows = (
        {"completion_tokens": 4, "prompt_tokens": 8, "cached_tokens": 2},
        {"completion_tokens": 4, "prompt_tokens": 8, "phase": "warmup"},
        {"completion_tokens": 9, "prompt_tokens": 8, "error_class": "reset"},
    )
    assert count_ours(make_table(*rows)) == OurCounts(2, 16, 8, 2)
    assert count_ours(make_table()) == OurCounts()
