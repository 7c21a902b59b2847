"""节拍、迟到的账、指标、真值文件。"""

import asyncio
import csv
import itertools
import time

import pytest

from rayeval.mock.ledger import Lateness, Ledger
from rayeval.mock.metrics import Histogram
from rayeval.mock.pacer import LoopAlarm, Pacer, offsets
from rayeval.mock.settings import Settings, parse_jitter
from rayeval.mock.truth import COLUMNS, Truth, TruthLog


def take(number, **fields):
    jitter = parse_jitter(fields.pop("jitter", "none"))
    settings = Settings(jitter=jitter, **fields)
    return list(itertools.islice(offsets(settings, fields.get("seed", 0)), number))


def test_steps_are_absolute_without_jitter():
    assert take(4, ttft_ms=5, itl_ms=0.5) == [5_000_000, 5_500_000, 6_000_000, 6_500_000]


@pytest.mark.parametrize("jitter", ["uniform:0.2", "exp", "lognormal:0.3"])
def test_jitter_keeps_the_mean_and_never_goes_back(jitter):
    moments = take(20_001, itl_ms=1, jitter=jitter)
    assert moments == sorted(moments)
    assert 0.96e6 < (moments[-1] - moments[0]) / 20_000 < 1.04e6
    assert len({b - a for a, b in itertools.pairwise(moments)}) > 1000


def test_jitter_is_reproducible_by_seed():
    assert take(9, itl_ms=1, jitter="exp", seed=1) == take(9, itl_ms=1, jitter="exp", seed=1)
    assert take(9, itl_ms=1, jitter="exp", seed=1) != take(9, itl_ms=1, jitter="exp", seed=2)


class Recorder:
    """记下每次被叫的时刻；叫够了就收场。"""

    def __init__(self, first, gap, times, done):
        self.due, self.gap, self.times, self.done = first, gap, times, done
        self.early = False
        self.fired = 0

    def fire(self):
        self.early |= time.perf_counter_ns() < self.due
        self.fired += 1
        self.due += self.gap
        if self.fired < self.times:
            return self.due
        self.done.set()
        return None


@pytest.mark.parametrize("kernel", [True, False])
def test_every_player_is_called_as_often_as_it_wants_and_never_early(monkeypatch, kernel):
    if not kernel:
        monkeypatch.setattr("rayeval.mock.pacer.kernel_or_loop_alarm", LoopAlarm)

    async def play():
        pacer = Pacer(asyncio.get_running_loop())
        events = [asyncio.Event() for _ in range(5)]
        now = time.perf_counter_ns()
        players = [
            Recorder(now + (5 - k) * 1_000_000, 700_000, 5 + k, event)
            for k, event in enumerate(events)
        ]
        for player in players:
            pacer.add(player.due, player)
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in events)), 20)
        pacer.close()
        return players

    players = asyncio.run(play())
    assert [player.fired for player in players] == [5, 6, 7, 8, 9]
    assert not any(player.early for player in players)


def test_lateness_quantiles_bound_the_samples():
    late = Lateness()
    for k in range(100):
        late.add(k * 100_000)
    assert late.max_ns == 9_900_000
    assert 9.7 <= late.quantile_ms(0.99) <= 9.9
    assert 4.8 <= late.quantile_ms(0.5) <= 5.0
    assert Lateness().quantile_ms(0.99) == 0


def test_a_broken_promise_is_told_and_a_kept_one_is_not():
    ledger = Ledger(Settings(late_ms=2))
    assert ledger.verdict() is None
    for _ in range(99):
        ledger.lateness.add(0)
    ledger.lateness.add(500_000_000)
    assert ledger.kept_promise()
    for _ in range(10):
        ledger.lateness.add(500_000_000)
    assert not ledger.snapshot()["kept_promise"]
    assert "NOT kept" in ledger.verdict()


def test_the_ledger_balances():
    ledger = Ledger(Settings())
    for outcome in ("done", "refused", "aborted"):
        ledger.begin()
        ledger.end(outcome)
    ledger.begin()
    row = ledger.snapshot()
    assert row["issued"] == row["done"] + row["refused"] + row["aborted"] + row["in_flight"] == 4
    assert row["max_in_flight"] == 1


def test_a_histogram_counts_the_bound_in_its_bucket_and_grows_upwards():
    histogram = Histogram("h", "text", [1, 2])
    for value in (0.5, 1, 1.5, 9):
        histogram.observe(value)
    lines = histogram.lines('m="x"')
    assert 'h_bucket{le="1.0",m="x"} 2' in lines
    assert 'h_bucket{le="2.0",m="x"} 3' in lines
    assert 'h_bucket{le="+Inf",m="x"} 4' in lines
    assert 'h_count{m="x"} 4' in lines


def test_truth_is_on_disk_when_closed(tmp_path):
    path = tmp_path / "truth.csv"
    log = TruthLog(str(path))
    log.add(Truth(3, "a,b", 1, 2, 3, 4, 5, 200, 1, 0, 6, 7))
    log.close()
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert (rows[0]["request_id"], rows[0]["t_done"]) == ("a,b", "4")
