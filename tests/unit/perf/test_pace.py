from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayeval.domain.schedule import Climb, Constant, Slice
from rayeval.perf.open_pace import OpenPace
from rayeval.perf.pace import ClosedPace


def alone(schedule):
    return Slice(schedule, 0, 1)


def simulate(pace, durations, step=1 / 128, limit=10_000):
    """每个请求用时按 `durations` 轮流；返回 (发出时刻, 阶段, 发出后的在途)。"""
    now, live, issued = 0.0, [], []
    for _ in range(limit):
        for end in sorted(end for end in live if end <= now):
            live.remove(end)
            pace.end(now)
        while (phase := pace.next_phase(now)) is not None:
            pace.issue(phase, now)
            live.append(now + durations[len(issued) % len(durations)])
            issued.append((now, phase, pace.in_flight))
        if pace.exhausted and not live:
            return issued
        now += step
    raise AssertionError("never ended")


def test_the_next_request_goes_out_the_moment_one_ends():
    pace = ClosedPace(alone(Constant(4)), 0, 40)
    issued = simulate(pace, [2.0] + [0.05] * 39)
    waits = {round(b[0] - a[0], 6) for a, b in pairwise(issued[3:])}
    assert max(waits) <= 0.06, "a straggler held the others back"
    assert max(in_flight for _, _, in_flight in issued) == 4


def test_constant_is_all_plateau_and_exactly_as_many_as_asked():
    issued = simulate(ClosedPace(alone(Constant(3)), 0, 17), [0.1])
    assert [phase for _, phase, _ in issued] == ["plateau"] * 17


def test_climb_marks_ramp_until_the_peak():
    climb = Climb(max_permits=3, init=1, rate=1, interval_s=1.0)
    issued = simulate(ClosedPace(alone(climb), 0, 60), [0.2])
    for at, phase, in_flight in issued:
        assert in_flight <= climb.permits_at(at)
        assert phase == ("ramp" if climb.permits_at(at) < 3 else "plateau")
    assert {phase for _, phase, _ in issued} == {"ramp", "plateau"}


def test_few_warmups_end_before_the_first_measured_request():
    pace = ClosedPace(alone(Constant(4)), 2, 8)
    issued = simulate(pace, [1.0, 0.5] + [0.1] * 8)
    assert [phase for _, phase, _ in issued] == ["warmup"] * 2 + ["plateau"] * 8
    assert issued[2][0] >= 1.0


def test_many_warmups_hand_over_without_a_dip():
    pace = ClosedPace(alone(Constant(2)), 4, 8)
    issued = simulate(pace, [0.5, 0.8] * 6)
    assert [in_flight for _, _, in_flight in issued[1:]] == [2] * 11


def test_the_climb_begins_with_the_first_measured_request():
    climb = Climb(max_permits=2, init=1, rate=1, interval_s=1.0)
    issued = simulate(ClosedPace(alone(climb), 1, 6), [3.0] + [0.4] * 6)
    assert [(round(at, 6), phase) for at, phase, _ in issued[:2]] == [
        (0.0, "warmup"),
        (3.0, "ramp"),
    ]


def test_delivered_equals_asked_when_nothing_is_late():
    pace = ClosedPace(alone(Constant(4)), 0, 40)
    simulate(pace, [0.5])  # 与步长都是二的幂，没有舍入
    assert pace.delivered == pytest.approx(pace.asked)
    assert pace.asked == pytest.approx(4 * 4.5)


def test_idle_permits_show_as_asked_but_not_delivered():
    pace = ClosedPace(alone(Constant(2)), 0, 3)
    assert pace.next_phase(0.0) == "plateau"
    pace.issue("plateau", 0.0)
    pace.issue("plateau", 0.0)
    pace.end(1.0)
    pace.issue("plateau", 2.0)  # 一秒之后才补上
    assert (pace.asked, pace.delivered) == (pytest.approx(4.0), pytest.approx(3.0))


def test_a_step_between_two_accounts_is_asked_from_the_step_on():
    climb = Climb(max_permits=3, init=1, rate=1, interval_s=1.0)
    pace = ClosedPace(alone(climb), 0, 9)
    assert pace.next_phase(0.0)
    pace.issue("ramp", 0.0)
    pace.end(3.0)
    assert pace.asked == pytest.approx(1 + 2 + 3)
    assert pace.delivered == pytest.approx(3.0)


def test_stopping_forgets_what_was_not_issued():
    pace = ClosedPace(alone(Constant(2)), 1, 5)
    pace.stop(0.0)
    assert pace.exhausted
    assert pace.next_phase(1.0) is None


@settings(max_examples=60, deadline=None)
@given(
    permits=st.integers(1, 6),
    workers=st.integers(1, 6),
    rate=st.integers(1, 3),
    warmup=st.integers(0, 5),
    number=st.integers(1, 30),
)
def test_no_worker_exceeds_its_permits_and_none_stalls(permits, workers, rate, warmup, number):
    workers = min(workers, permits)
    climb = Climb(max_permits=permits, init=1, rate=rate, interval_s=0.3)
    for worker in range(workers):
        mine = Slice(climb, worker, workers)
        issued = simulate(ClosedPace(mine, warmup, number), [0.11, 0.07, 0.31])
        assert len(issued) == warmup + number
        zero = next(at for at, phase, _ in issued if phase != "warmup")
        for _, phase, in_flight in issued:
            limit = mine.peak if phase != "warmup" else max(1, mine.permits_at(0.0))
            assert in_flight <= limit
        assert zero >= 0


# ---- 几个压测者合打一场：零点由外面给，号码现取 ----


def test_dealt_pace_waits_for_the_common_zero_and_climbs_from_it():
    climb = Climb(max_permits=2, init=1, rate=1, interval_s=1.0)
    pace = ClosedPace(alone(climb), 0, 0, dealt=True)
    pace.stock(4)
    assert pace.ready
    assert pace.next_phase(3.0) is None
    pace.begin(10.0)
    assert pace.next_phase(10.5) == "ramp"
    pace.issue("ramp", 10.5)
    assert pace.next_phase(10.9) is None
    assert pace.next_change(10.9) == pytest.approx(0.1)
    assert pace.next_phase(11.0) == "plateau"
    assert pace.asked == pytest.approx(1.0)
    assert pace.delivered == pytest.approx(0.5)


def test_until_the_common_zero_permits_are_kept_busy_only_where_the_warmup_filled_them():
    joined = ClosedPace(alone(Constant(2)), 2, 0, dealt=True)
    fewer = ClosedPace(alone(Constant(2)), 1, 0, dealt=True)
    for pace in (joined, fewer):
        assert pace.padding == 0
        while (phase := pace.next_phase(0.0)) is not None:
            pace.issue(phase, 0.0)
    assert (joined.ready, fewer.ready) == (True, False)
    for pace in (joined, fewer):
        pace.end(1.0)
    assert (joined.padding, fewer.padding, fewer.ready) == (1, 0, True)
    joined.pad(1)
    assert joined.next_phase(1.0) == "warmup"
    joined.issue("warmup", 1.0)
    assert joined.padding == 0
    joined.begin(2.0)
    joined.end(2.5)
    assert joined.padding == 0


def test_out_of_stock_is_not_the_end_until_it_is_said():
    pace = ClosedPace(alone(Constant(2)), 0, 0, dealt=True)
    pace.begin(0.0)
    assert not pace.exhausted
    assert (pace.free(0.0), pace.stocked, pace.next_phase(0.0)) == (2, 0, None)
    pace.stock(1)
    assert pace.next_phase(1.0) == "plateau"
    pace.issue("plateau", 1.0)
    assert not pace.exhausted
    pace.stock(0)
    assert pace.exhausted
    pace.end(5.0)
    assert (pace.asked, pace.delivered) == (pytest.approx(2.0), 0.0), "waiting for a number counts"


def test_dealt_open_pace_counts_its_deadlines_from_the_common_zero():
    pace = OpenPace([0.0, 1.0], 4, 1, dealt=True)
    assert pace.next_phase(0.0) == "warmup"
    pace.issue("warmup", 0.0)
    assert not pace.ready
    pace.end(0.5)
    assert pace.ready
    assert pace.next_phase(1.0) is None
    pace.begin(3.0)
    assert pace.next_phase(3.0) == "plateau"
    assert pace.issue("plateau", 3.0) == 3.0
    assert pace.next_change(3.0) == pytest.approx(1.0)


def test_the_permits_of_all_parts_told_while_they_run_are_the_whole_climb():
    climb = Climb(max_permits=7, init=1, rate=2, interval_s=1.0)
    paces = [ClosedPace(Slice(climb, n, 3), 0, 500) for n in range(3)]
    for pace in paces:
        pace.begin(0.0)
    for now in (0.0, 0.5, 1.0, 2.5, 3.0, 9.0):
        for pace in paces:
            while (phase := pace.next_phase(now)) is not None:
                pace.issue(phase, now)
        assert sum(pace.permits for pace in paces) == climb.permits_at(now)
    assert OpenPace([0.0], 5, 0).permits == 5
