import pytest

from rayeval.domain.perf import PerfSpec
from rayeval.perf.sizing import enough_workers, needed_workers


def spec(**changes):
    return PerfSpec(**{"control_method": "queue", **changes})


def rate(request_rate, concurrency):
    return spec(
        control_method="rate",
        open_loop={"request_rate": request_rate},
        concurrency=(concurrency,),
    )


@pytest.mark.parametrize(
    ("streams", "workers"), [(1, 1), (256, 1), (257, 2), (1024, 4), (100_000, 64)]
)
def test_one_worker_for_256_streams_and_never_more_than_64(streams, workers):
    assert needed_workers(spec(), streams) == workers


def test_as_many_as_the_largest_cell_needs_but_one_core_is_left():
    profile = spec(concurrency=(1, 1024, 300))
    assert [enough_workers(profile, cores) for cores in (1, 2, 4, 5, 64)] == [1, 1, 3, 4, 4]


def test_workers_that_were_asked_for_are_used_whatever_the_cores():
    profile = spec(concurrency=(2, 8), workers=4)
    assert enough_workers(profile, 1) == 4
    assert needed_workers(profile, 2) == 2


@pytest.mark.parametrize(
    ("per_s", "cap", "workers"), [(10, 64, 1), (2001, 64, 2), (9000, 3, 3), (10, 600, 3)]
)
def test_open_loop_counts_its_rate_and_its_cap(per_s, cap, workers):
    profile = rate(per_s, cap)
    assert needed_workers(profile, cap) == workers
