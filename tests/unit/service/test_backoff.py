"""退避：钟是假的，一秒也不真等。"""

import random

import pytest

from rayeval.domain.service import KubernetesService, LocalService, Manifest
from rayeval.service.backoff import CAP_S, FIRST_S, JITTER, Budget


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def waits(seconds, seed=0):
    """一次接一次地不成：每次的等待，直到预算用完。"""
    clock = Clock()
    budget = Budget(seconds, clock, random.Random(seed))
    found = []
    while budget.left > 0:
        found.append(budget.wait(len(found) + 1))
        clock.now += found[-1]
    return found, clock.now - 100.0


@pytest.mark.parametrize("seconds", [0.05, 1.0, 29.9, 300.0, 1200.0, 86400.0])
@pytest.mark.parametrize("seed", range(5))
def test_waits_grow_are_capped_and_end_exactly_with_the_budget(seconds, seed):
    found, spent = waits(seconds, seed)
    assert seconds - 1e-3 <= spent <= seconds + 1e-6
    assert max(found) <= CAP_S
    for number, wait in enumerate(found[:-1]):
        grown = min(CAP_S, FIRST_S * 2.0 ** min(number, 32))
        assert grown * (1 - JITTER) <= wait <= grown


def test_two_scenarios_do_not_knock_in_step():
    assert waits(300, 1)[0] != waits(300, 2)[0]


def test_a_million_attempts_do_not_overflow():
    assert 0 < Budget(1e9).wait(10**6) <= CAP_S


def test_twenty_minutes_unless_configured():
    manifest = (Manifest(file="a", text="b"),)
    assert LocalService(command=("x",)).startup_timeout_s == 1200.0
    made = KubernetesService(manifests=manifest, service_name="s")
    assert made.startup_timeout_s == 1200.0
