import dataclasses
import heapq
import threading
from itertools import count, pairwise
from random import Random
from time import perf_counter

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rayeval.domain.schedule import Climb, Constant, Slice
from rayeval.perf.deal import LEAD_S, SharedDeal, Zero, host_mark
from rayeval.perf.feeder import Feeder
from rayeval.perf.pace import ClosedPace
from rayeval.perf.supply import LOOK_S, Supply

# ---- 发号 ----


@given(
    total=st.integers(0, 300),
    workers=st.integers(1, 64),
    wants=st.lists(st.integers(0, 50), min_size=1),
)
def test_the_numbers_are_dealt_in_order_without_gap_or_overlap(total, workers, wants):
    deal = SharedDeal(total, workers)
    taken = [deal.take(want) for want in wants]
    assert taken[0].start == 0
    assert all(before.stop == after.start for before, after in pairwise(taken))
    assert all(len(numbers) <= want for numbers, want in zip(taken, wants, strict=True))
    while deal.take(1):
        pass
    assert deal.take(0) == range(total, total)


def test_less_and_less_is_dealt_towards_the_end():
    deal = SharedDeal(100, 2)
    assert [len(deal.take(50)) for _ in range(4)] == [25, 18, 14, 10]


def test_workers_that_take_at_once_share_exactly_all_of_it():
    deal, found = SharedDeal(5000, 8), []

    def work():
        while numbers := deal.take(3):
            found.extend(numbers)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == list(range(5000))


def test_a_stopped_deal_has_nothing_left():
    deal = SharedDeal(10, 2)
    deal.stop()
    assert deal.take(5) == range(10, 10)


# ---- 公共零点 ----


class Meeting:
    """几个线程各去报到。"""

    def __init__(self, deal, workers):
        self.zeros = {}
        self.threads = [
            threading.Thread(target=self._meet, args=(deal, worker)) for worker in workers
        ]
        for thread in self.threads:
            thread.start()

    def _meet(self, deal, worker):
        self.zeros[worker] = deal.zero(worker)

    def over(self):
        for thread in self.threads:
            thread.join(10)
        return self.zeros


def test_the_zero_is_common_and_comes_after_the_last_arrival():
    deal = SharedDeal(10, 3)
    early = Meeting(deal, [0, 1])
    assert not early.zeros
    arrived = perf_counter()
    late = Meeting(deal, [2])
    zeros = [*early.over().values(), *late.over().values()]
    assert len({zero.at_s for zero in zeros}) == 1
    assert zeros[0].at_s >= arrived + LEAD_S


@pytest.mark.parametrize("release", ["forget", "stop"])
def test_nobody_waits_for_a_worker_that_is_gone(release):
    deal = SharedDeal(10, 2)
    meeting = Meeting(deal, [0])
    deal.forget(1) if release == "forget" else deal.stop()
    assert set(meeting.over()) == {0}


def test_on_the_same_host_the_zero_is_the_same_instant_elsewhere_it_is_so_many_seconds_away():
    assert Zero(host_mark(), 5.0, 0.02).local(now=7.0) == 5.0
    assert Zero("another host", 5.0, 0.02).local(now=7.0) == pytest.approx(7.02)


# ---- 货源：几个压测者合打一场，在假想的钟上 ----


class Bell:
    """只会被叫醒的 Poller。"""

    def wake(self):
        pass


class Field:
    """若干（节拍，货源）合打一场；问一句要 `latency` 秒，一个请求要 `durations` 里的一个。"""

    def __init__(self, share_of, whole, workers, total, *, durations, latency, random):
        self.deal, self.whole, self.workers = SharedDeal(total, workers), whole, workers
        self.durations, self.latency, self.random = durations, latency, random
        self.now, self.order, self.agenda = 0.0, count(), []
        self.issued, self.levels, self.idle = [], [], []
        self.paces, self.supplies, self.feeders = [], [], []
        for worker in range(workers):
            share = share_of(worker)
            pace = ClosedPace(share.schedule, 0, 0, joined=False, dealt=True)
            feeder = Feeder(share)
            supply = Supply(self.deal, share, pace, feeder, Bell())
            supply.fill()
            pace.begin(0.0)
            self.paces.append(pace)
            self.feeders.append(feeder)
            self.supplies.append(supply)

    def play(self):
        for worker in range(self.workers):
            self._later(0.0, "go", worker)
            self._later(LOOK_S, "look", worker)
        while not all(pace.exhausted and not pace.in_flight for pace in self.paces):
            self.now, _, kind, worker = heapq.heappop(self.agenda)
            pace = self.paces[worker]
            if kind == "end":
                pace.end(self.now)
            if kind in {"speak", "look"}:
                self.supplies[worker].speak(0)
            if kind == "look" and not pace.exhausted:
                self._later(LOOK_S, "look", worker)
            self._turn(worker)
        return self

    def _later(self, delay, kind, worker):
        heapq.heappush(self.agenda, (self.now + delay, next(self.order), kind, worker))

    def _turn(self, worker):
        pace, supply = self.paces[worker], self.supplies[worker]
        supply.tend(self.now)
        while pace.next_phase(self.now) is not None:
            self.issued.append(self.feeders[worker].take().index)
            pace.issue("plateau", self.now)
            self._later(self.random.choice(self.durations), "end", worker)
            level = sum(pace.in_flight for pace in self.paces)
            self.levels.append((self.now, level))
        supply.tend(self.now)
        if not supply._asks.empty():
            self._later(self.latency * self.random.random(), "speak", worker)
        change = pace.next_change(self.now)
        if change is not None and not pace.exhausted:
            self._later(change, "change", worker)
        if self.latency == 0 and (not self.agenda or self.agenda[0][0] > self.now):
            self._look_at_the_idle()

    def _look_at_the_idle(self):
        """这一刻再没有别的事了：空着的许可、发号者还剩的、攥在手里没发的。"""
        free = sum(pace.free(self.now) for pace in self.paces)
        left = self.deal._total - self.deal._next
        held = sum(pace.stocked for pace in self.paces)
        self.idle.append((free, left, held))


@pytest.fixture(scope="session")
def play(make_share):
    def play(whole, workers, total, *, durations=(0.1,), latency=0.001, seed=0):
        share = make_share(0, 1, concurrency=(whole.peak,), num_requests=(whole.peak,))
        share = dataclasses.replace(share, cell=dataclasses.replace(share.cell, num_requests=total))

        def share_of(worker):
            return dataclasses.replace(share, schedule=Slice(whole, worker, workers))

        return Field(
            share_of,
            whole,
            workers,
            total,
            durations=durations,
            latency=latency,
            random=Random(seed),
        ).play()

    return play


@settings(max_examples=60, deadline=None)
@given(
    total=st.integers(1, 100),
    workers=st.integers(1, 64),
    spare=st.integers(0, 20),
    init=st.integers(1, 8),
    latency=st.sampled_from([0.0, 0.0005, 0.01, 0.5]),
    durations=st.lists(st.sampled_from([0.0002, 0.003, 0.04, 0.5, 7.0]), min_size=1, max_size=5),
    seed=st.integers(0, 9),
)
@example(total=100, workers=64, spare=0, init=1, latency=0.0, durations=[0.04], seed=0)
def test_every_number_is_issued_exactly_once_and_no_permit_exceeded(
    play, *, total, workers, spare, init, latency, durations, seed
):
    whole = Climb(workers + spare, init, 3, 0.2)
    field = play(whole, workers, total, durations=durations, latency=latency, seed=seed)
    assert sorted(field.issued) == list(range(total))
    assert all(level <= whole.permits_at(at) for at, level in field.levels)


@settings(max_examples=60, deadline=None)
@given(
    workers=st.integers(2, 8),
    permits=st.integers(8, 40),
    rounds=st.integers(1, 30),
    durations=st.sampled_from([(0.002, 0.005, 0.01), (0.05, 0.1, 0.2), (1.0, 3.0, 5.0)]),
)
def test_permits_stand_idle_only_when_nothing_is_left_and_hardly_anything_is_held_back(
    play, *, workers, permits, rounds, durations
):
    field = play(Constant(permits), workers, permits * rounds, durations=durations, latency=0.0)
    assert field.idle
    for free, left, held in field.idle:
        assert not (free and left), "a permit stood idle while the dealer had numbers"
        assert min(free, held) <= permits // 4, "numbers were held back at the end"


def test_fast_streams_take_ahead_and_slow_ones_do_not(play):
    fast = play(Constant(8), 2, 4000, durations=[0.001], latency=0.002)
    assert sum(pace.delivered / pace.asked > 0.97 for pace in fast.paces) == 2
    slow = play(Constant(8), 2, 200, durations=[5.0, 5.5, 6.1], latency=0.0)
    assert max(held for free, left, held in slow.idle if left == 0) == 0


def test_a_worker_without_a_permit_yet_ends_when_the_others_have_done_everything(play):
    field = play(Climb(4, 1, 1, 1000.0), 4, 20, durations=[0.01])
    assert field.now < 1.0
    assert len(field.issued) == 20


class LostDealer:
    """没了的发号者。"""

    def take(self, want):
        raise ConnectionError("gone")

    def zero(self, worker):
        return Zero(host_mark(), 0.0, 0.0)


def test_a_lost_dealer_stops_the_pace_and_says_so(make_share):
    share = make_share(num_requests=(40,))
    pace = ClosedPace(share.schedule, 0, 0, dealt=True)
    supply = Supply(LostDealer(), share, pace, Feeder(share), Bell())
    supply.tend(1.0)
    assert supply.speak(0), "asks for the zero"
    supply.tend(1.0)
    supply.tend(1.0)
    assert pace.zero == 0.0
    assert supply.speak(0), "asks for numbers"
    supply.tend(1.0)
    assert pace.exhausted
    assert supply.trouble == "ConnectionError: gone"
    supply.close()
    assert not supply.speak(0)
