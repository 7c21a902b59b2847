"""曲线：画的点就是原始行的分位数、在途数与许可；行再多，点数不变。"""

import json

import numpy as np
import pyarrow as pa
import pytest

from rayeval.domain.records import REQUESTS
from rayeval.domain.schedule import Climb, Constant
from rayeval.export.page.curves import BINS, INSTANTS, PROBABILITIES, distribution, timeline
from rayeval.export.page.samples import cell_samples


def at(numbers, index):
    return next(y for x, y in zip(*numbers, strict=True) if x >= index)


def samples(reports, table):
    return cell_samples(table, reports.cell().summary)


def test_a_distribution_is_the_quantiles_in_milliseconds():
    values = np.arange(1, 1001) / 1000
    curve = distribution(values)
    assert len(curve.x) == PROBABILITIES.size
    assert curve.x == sorted(curve.x)
    assert at((curve.y, curve.x), 99) == pytest.approx(np.quantile(values, 0.99) * 1000, rel=1e-3)
    assert (curve.x[0], curve.x[-1], curve.y[-1]) == (1.0, 1000.0, 100.0)


def test_few_samples_are_drawn_one_by_one():
    assert distribution(np.array([0.3, 0.1, 0.2])).x == [100.0, 200.0, 300.0]
    assert distribution(np.array([])).x == []


def test_only_measured_successes_of_the_cell_count(reports, requests):
    table = requests(
        {},
        {"ttft_s": 9.0, "phase": "warmup"},
        {"ttft_s": 9.0, "concurrency": 8},
        {"ttft_s": 9.0, "error_class": "cancelled"},
        {"ttft_s": 9.0, "error_class": "timeout", "itl_s": [9.0]},
    )
    found = samples(reports, table)
    assert found.family("ttft").tolist() == [0.1]
    assert found.family("tpot").tolist() == pytest.approx([0.8 / 32])
    assert found.family("itl").max() < 1
    assert [(kind, ends.tolist()) for kind, ends in found.failures()] == [("timeout", [1.0])]


def test_undefined_latencies_are_left_out(reports, requests):
    found = samples(reports, requests({"ttft_s": None, "last_token_s": None}, {}))
    assert found.family("ttft").size == 1
    assert found.family("e2e").size == 2
    assert samples(reports, requests({"concurrency": 8})) is None
    assert cell_samples(None, reports.cell().summary) is None


def test_in_flight_is_what_had_begun_and_not_ended(reports, requests):
    table = requests(
        {"start_s": 0.0, "end_s": 4.0},
        {"start_s": 1.0, "end_s": 3.0},
        {"start_s": 2.0, "end_s": 4.0},
        {"start_s": 0.0, "end_s": 1.0, "epoch": 1},
    )
    found = timeline(samples(reports, table), None)
    first = (found.instants, found.in_flight[0])
    assert [at(first, moment) for moment in (0.5, 1.5, 2.5, 3.5)] == [1, 2, 3, 2]
    assert at((found.instants, found.in_flight[1]), 1.5) == 0
    assert found.permits == ([], [])


def test_permits_are_the_steps_of_the_schedule(reports, requests):
    found = samples(reports, requests({"end_s": 10.0}))
    climb = Climb(max_permits=5, init=1, rate=2, interval_s=3.0)
    assert timeline(found, climb).permits == ([0, 3, 6, 10], [1, 3, 5, 5])
    assert timeline(found, Constant(4)).permits == ([0, 10], [4, 4])


def test_ttft_stands_where_its_requests_were_sent_and_failures_where_they_ended(reports, requests):
    table = requests(
        {"start_s": 1.0, "end_s": 60.0, "ttft_s": 0.5},
        {"start_s": 30.5, "end_s": 59.0, "error_class": "timeout", "ttft_s": None},
    )
    found = timeline(samples(reports, table), None)
    assert found.bin_s == 1.0
    assert found.ttft_p50[1] == found.ttft_p99[1] == 500.0
    assert found.ttft_p50[30] is None
    assert (sum(found.errors["timeout"]), found.errors["timeout"][59]) == (1, 1)


def test_a_hundred_thousand_rows_draw_as_few_points_as_a_few_hundred(reports):
    n = 100_000
    rng = np.random.default_rng(0)
    start = np.sort(rng.uniform(0, 600, n))
    wait = rng.lognormal(-1, 0.3, n)
    columns = {
        "epoch": np.zeros(n, np.int32),
        "phase": ["plateau"] * n,
        "start_s": start,
        "end_s": start + wait * 4,
        "ttft_s": wait,
        "last_token_s": wait * 3,
        "e2e_s": wait * 4,
        "completion_tokens": np.full(n, 33, np.int32),
        "token_events": np.full(n, 33, np.int32),
    }
    same = {"input_length": 128, "output_length": 32, "concurrency": 4}
    columns |= {name: np.full(n, value, np.int32) for name, value in same.items()}
    arrays = [
        (
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(n, field.type)
        )
        for field in REQUESTS
    ]
    found = samples(reports, pa.Table.from_arrays(arrays, schema=REQUESTS))
    drawn = timeline(found, Constant(4))
    assert (len(drawn.instants), len(drawn.middles)) == (INSTANTS, BINS)
    assert len(json.dumps(drawn.in_flight)) + len(json.dumps(distribution(found.ttft).x)) < 4_000
