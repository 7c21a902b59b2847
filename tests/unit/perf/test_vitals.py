import gc
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.perf.vitals import LONG_TURN_S, Vitals, collector_held


@given(st.lists(st.floats(1e-6, 10), min_size=1, max_size=300))
def test_the_histogram_gives_the_percentile_within_a_tenth(lags):
    vitals = Vitals()
    vitals.lags += lags
    rank = np.percentile(lags, 99, method="inverted_cdf")
    assert vitals.lag_max_s() == max(lags)
    assert rank * 0.999 <= vitals.lag_p99_s() <= rank * 1.1
    assert vitals.lags == []


def test_samples_are_folded_away_before_they_fill_the_memory():
    vitals = Vitals()
    for _ in range(5):
        vitals.lags += [0.001] * 9000
        vitals.spill()
        assert len(vitals.lags) == 0
    assert vitals.lag_p99_s() == pytest.approx(0.001, rel=0.1)


def test_a_long_turn_and_a_late_timer_are_lags_and_short_ones_are_not():
    vitals = Vitals()
    vitals.spent(LONG_TURN_S / 2)
    vitals.late(-1.0)
    assert vitals.lag_max_s() == 0.0
    vitals.spent(0.05)
    vitals.late(0.2)
    assert vitals.lag_max_s() == 0.2


def test_the_shares_are_of_the_wall():
    vitals = Vitals()
    vitals.start()
    until = time.perf_counter() + 0.05
    while time.perf_counter() < until:
        pass
    vitals.stop()
    assert vitals.wall_s >= 0.05
    assert 0 < vitals.cpu_share <= 1.01
    assert 0 <= vitals.starved_share <= 1
    assert vitals.collections >= 0


def test_the_collector_is_held_while_any_worker_measures():
    assert gc.isenabled()
    with collector_held():
        with collector_held():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
