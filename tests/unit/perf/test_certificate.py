import pytest

from rayeval.domain.records import empty_requests
from rayeval.perf.certificate import certify
from rayeval.perf.crew import Haul


@pytest.fixture
def certificate(make_health):
    def make(**changes):
        return certify([Haul(0, empty_requests(), make_health(**changes))])

    return make


def test_a_healthy_worker_is_certified(certificate):
    found = certificate()
    assert (found.ok, found.reasons, len(found.workers)) == (True, (), 1)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"permits_delivered": 39.0}, "97.5% of its permits"),
        ({"loop_lag_p99_s": 0.0051}, "P99 5.1 ms"),
        ({"loop_lag_max_s": 0.0401}, "stalled for 40 ms"),
        ({"cpu_share": 0.95}, "95% of its core"),
        ({"connections_opened": 9, "connections_dropped": 2}, "opened 3 connections"),
    ],
)
def test_each_broken_promise_is_named(certificate, changes, words):
    found = certificate(**changes)
    assert not found.ok
    assert len(found.reasons) == 1
    assert words in found.reasons[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"permits_asked": 0.9, "permits_delivered": 0.5},
        {"wall_s": 4.9, "loop_lag_p99_s": 0.02, "loop_lag_max_s": 0.02},
        {"wall_s": 0.8, "cpu_share": 0.99},
        {"permits_delivered": 39.2, "loop_lag_p99_s": 0.005, "loop_lag_max_s": 0.04},
        {"connections_opened": 70, "connections_dropped": 66},
    ],
)
def test_too_little_to_tell_or_exactly_at_the_limit_is_no_breach(certificate, changes):
    assert certificate(**changes).ok


def test_a_lost_worker_is_said_and_the_others_count_on(make_health):
    hauls = [Haul(0, empty_requests(), make_health()), Haul(1, empty_requests(), None, lost="died")]
    found = certify(hauls)
    assert not found.ok
    assert "worker 1 was lost" in found.reasons[0]
    assert "died" in found.reasons[0]
    assert len(found.workers) == 1


def test_no_worker_at_all_is_not_certified():
    assert not certify([]).ok
