"""在途上限：说忙就减半、一阵忙只减一次、顺当了加回去、要等就都等。"""

import threading

import pytest

from rayeval.accuracy.throttle import Throttle


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def throttle(clock):
    return Throttle(16, threading.Event(), clock)


def test_a_burst_of_refusals_halves_once(throttle, clock):
    inside = [throttle.enter() for _ in range(16)]
    clock.now = 1.0
    for entered in inside:
        throttle.leave(entered, busy=True, well=False)
    assert throttle.limit == 8
    clock.now = 2.0
    again = throttle.enter()
    throttle.leave(again, busy=True, well=False)
    assert throttle.limit == 4


def test_the_limit_never_falls_below_one_and_climbs_back_to_the_top(throttle, clock):
    for _ in range(9):
        clock.now += 1.0
        throttle.leave(throttle.enter(), busy=True, well=False)
    assert throttle.limit == 1
    for _ in range(200):
        throttle.leave(throttle.enter(), busy=False, well=True)
    assert throttle.limit == 16


def test_failures_that_are_no_refusals_change_nothing(throttle):
    throttle.leave(throttle.enter(), busy=False, well=False)
    assert throttle.limit == 16


def test_nobody_enters_while_the_service_asked_to_wait():
    stop, clock = threading.Event(), Clock()
    throttle = Throttle(2, stop, clock)
    throttle.leave(throttle.enter(), busy=True, well=False, wait_s=0.05)
    got = []
    waiter = threading.Thread(target=lambda: got.append(throttle.enter()))
    waiter.start()
    waiter.join(0.3)
    assert waiter.is_alive()
    clock.now = 0.06
    waiter.join(5)
    assert got == [0.06]


def test_the_one_beyond_the_limit_waits_for_a_seat():
    throttle = Throttle(1, threading.Event())
    entered = throttle.enter()
    got = []
    waiter = threading.Thread(target=lambda: got.append(throttle.enter()))
    waiter.start()
    waiter.join(0.1)
    assert waiter.is_alive()
    throttle.leave(entered, busy=False, well=True)
    waiter.join(5)
    assert len(got) == 1


def test_being_stopped_ends_the_wait():
    stop = threading.Event()
    throttle = Throttle(1, stop)
    throttle.enter()
    stop.set()
    assert throttle.enter() is None
