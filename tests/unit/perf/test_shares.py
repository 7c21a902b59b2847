from hypothesis import given
from hypothesis import strategies as st

from rayeval.domain.schedule import Climb, Constant, Slice


@given(number=st.integers(1, 100), workers=st.integers(1, 100), permits=st.integers(1, 64))
def test_the_shares_are_the_whole_without_doubling_or_loss(make_share, number, workers, permits):
    number = max(number, permits)
    shares = [
        make_share(w, workers, concurrency=(permits,), num_requests=(number,), warmup=number % 7)
        for w in range(workers)
    ]
    assert sorted(i for s in shares for i in s.measured_indices()) == list(range(number))
    assert sorted(i for s in shares for i in s.warmup_indices()) == list(range(number % 7))


@given(workers=st.integers(1, 64), init=st.integers(1, 70), warmup=st.integers(0, 200))
def test_warmups_go_to_workers_that_begin_with_a_permit(make_share, workers, init, warmup):
    climb = {"init_concurrency": init, "growth_rate": 1}
    shares = [
        make_share(
            w, workers, concurrency=(64,), warmup=warmup, control_method="climb", climb=climb
        )
        for w in range(workers)
    ]
    for share in shares:
        assert share.schedule.permits_at(0.0) or not share.warmup_indices()
    assert sorted(i for s in shares for i in s.warmup_indices()) == list(range(warmup))


def test_open_loop_requests_are_shared_in_turn(make_share):
    shares = [
        make_share(w, 2, concurrency=(3,), control_method="rate", open_loop={"request_rate": 9})
        for w in range(2)
    ]
    assert [s.measured_indices()[:3] for s in shares] == [range(0, 6, 2), range(1, 7, 2)]


def test_requests_are_shared_as_the_permits_are(make_share):
    shares = [make_share(w, 2, concurrency=(3,), num_requests=(30,)) for w in range(2)]
    assert [s.schedule.peak for s in shares] == [2, 1]
    assert [len(s.measured_indices()) for s in shares] == [20, 10]


@given(
    workers=st.integers(1, 64),
    top=st.integers(1, 64),
    init=st.integers(1, 8),
    rate=st.integers(0, 9),
    at=st.floats(0, 100),
)
def test_the_slices_sum_to_the_whole_at_every_instant(workers, top, init, rate, at):
    for whole in (
        Constant(top),
        Climb(top, init, rate, 1.5),
        Climb(top, init, rate, 1.5, "static"),
    ):
        slices = [Slice(whole, worker, workers) for worker in range(workers)]
        assert sum(s.permits_at(at) for s in slices) == whole.permits_at(at)
        assert sum(s.peak for s in slices) == whole.peak
