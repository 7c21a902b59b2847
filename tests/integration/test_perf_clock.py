"""到达的时刻：内核的戳让读得晚也不说谎；没有戳、钟被拨、别的系统时退回读到的时刻并说明。"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from time import perf_counter

import pytest

from rayeval.perf import dial, worker
from rayeval.perf.certificate import certify
from rayeval.perf.poller import READ, WRITE, EpollPoller, SelectorPoller
from rayeval.perf.reading import Reading
from rayeval.perf.stamps import Wall
from tests.integration.scripted import DONE, delta, healthy, stream, usage

pytestmark = pytest.mark.solo

A, STOP = delta(content="a"), delta("stop")
SLOW = stream(0.05, A, 0.05, A, STOP, usage(2), DONE)
APART = stream(0.05, A, 0.4, A, STOP, usage(2), DONE)
linux = pytest.mark.skipif(sys.platform != "linux", reason="kernel stamps are Linux's")


def stalled(monkeypatch, at: int, seconds: float) -> None:
    """第 `at` 次读懂之前卡住这么久；开始之前的彩排要读两次。"""
    feed, seen = Reading.feed, [0]

    def slow(reading, stamp_s, data):
        seen[0] += 1
        if seen[0] == at:
            time.sleep(seconds)
        feed(reading, stamp_s, data)

    monkeypatch.setattr(Reading, "feed", slow)


@linux
def test_a_reader_that_comes_late_does_not_lie(measure, monkeypatch):
    """两个流，一个先来时循环卡住 200 ms，另一个的首 token 其间到达：戳仍是它到的时刻。"""

    def playbook(ask):
        return healthy() if ask.order == 0 else APART

    stalled(monkeypatch, 3, 0.2)
    found = measure(playbook, permits=2, number=2)
    late = found.rows[1]
    assert late["clock"] == "kernel"
    assert late["ttft_s"] == pytest.approx(0.05, abs=0.04)
    assert found.haul.health.loop_lag_max_s > 0.1
    assert any("stalled" in reason for reason in certify([found.haul]).reasons)


def test_without_the_kernels_stamp_the_same_reader_is_late_and_says_which_clock(
    measure, monkeypatch
):
    def playbook(ask):
        return healthy() if ask.order == 0 else SLOW

    monkeypatch.setattr(dial, "ask_kernel", lambda sock: False)
    stalled(monkeypatch, 3, 0.2)
    found = measure(playbook, permits=2, number=2)
    assert found.rows[1]["clock"] == "read"
    assert found.rows[1]["ttft_s"] > 0.15
    assert found.haul.health.clock == "read"


@linux
def test_a_stall_of_more_than_a_second_keeps_the_kernels_stamp(measure, monkeypatch):
    def playbook(ask):
        return healthy() if ask.order == 0 else SLOW

    stalled(monkeypatch, 3, 1.2)
    late = measure(playbook, permits=2, number=2).rows[1]
    assert late["clock"] == "kernel"
    assert late["ttft_s"] < 0.3


@linux
def test_a_wall_clock_that_is_set_in_mid_answer_spoils_no_time(measure, monkeypatch):
    real, begin = time.time_ns, perf_counter()

    def jumped() -> int:
        return real() + (3_600_000_000_000 if perf_counter() - begin > 0.15 else 0)

    monkeypatch.setattr(time, "time_ns", jumped)
    rows = measure(lambda ask: SLOW, permits=1, number=4).rows
    for row in rows:
        assert row["ttft_s"] == pytest.approx(0.05, abs=0.04)
        assert sum(row["itl_s"]) == pytest.approx(0.05, abs=0.04)
    assert {row["clock"] for row in rows} >= {"read"}


def test_the_other_systems_loop_measures_the_same(measure, monkeypatch):
    monkeypatch.setattr(worker, "new_poller", lambda **options: SelectorPoller())
    monkeypatch.setattr(dial, "ask_kernel", lambda sock: False)
    found = measure(lambda ask: SLOW, permits=4, number=12)
    assert found.classes == [None] * 12
    assert {row["clock"] for row in found.rows} == {"read"}
    assert found.server.peak == 4
    assert all(row["ttft_s"] == pytest.approx(0.05, abs=0.04) for row in found.rows)


def test_many_streams_in_two_tiers_are_counted_like_few(measure, monkeypatch):
    monkeypatch.setattr(worker, "TIERED_FROM", 16)
    found = measure(lambda ask: healthy(), permits=130, number=400)
    assert found.classes == [None] * 400
    assert found.haul.health.connections_opened == 130
    assert found.server.peak <= 130


def test_the_stamp_is_the_monotonic_clock_within_a_millisecond():
    wall = Wall()
    now, real = perf_counter(), time.time_ns()
    note = (real // 10**9).to_bytes(8, sys.byteorder) + (real % 10**9).to_bytes(8, sys.byteorder)
    assert wall.stamp(note) == pytest.approx(now, abs=1e-3)
    assert not wall.sync(perf_counter())


@pytest.mark.parametrize(
    "make", [lambda: EpollPoller(tiered=False), lambda: EpollPoller(tiered=True), SelectorPoller]
)
def test_pollers_agree(make):
    poller = make()
    ours, theirs = os.pipe(), os.pipe()
    try:
        poller.watch(ours[0], READ)
        poller.watch(theirs[1], WRITE)
        assert dict(poller.wait(1.0)) == {theirs[1]: WRITE}
        poller.forget(theirs[1])
        assert poller.wait(0.001) == []
        poller.hasten(ours[0])
        os.write(ours[1], b"x")
        assert [fd for fd, _ in poller.wait(None)] == [ours[0]]
        os.read(ours[0], 1)
        poller.settle(ours[0])
        poller.wake()
        assert poller.wait(5.0) == []
        begin = perf_counter()
        assert poller.wait(0.005) == []
        assert 0.004 < perf_counter() - begin < 0.1
        poller.forget(ours[0])
        poller.forget(ours[0])
    finally:
        poller.close()
        for fd in (*ours, *theirs):
            os.close(fd)


@linux
def test_the_urgent_are_read_first():
    poller = EpollPoller(tiered=True)
    pipes = [os.pipe() for _ in range(40)]
    try:
        for read, write in pipes:
            poller.watch(read, READ)
            os.write(write, b"x")
        poller.hasten(pipes[-1][0])
        assert poller.wait(1.0)[0][0] == pipes[-1][0]
    finally:
        poller.close()
        for pair in pipes:
            for fd in pair:
                os.close(fd)


HOG = "while True: pass"
LOADED = textwrap.dedent("""
    import os, sys
    os.sched_setaffinity(0, {int(sys.argv[2])})
    from rayeval.perf.certificate import certify
    from rayeval.perf.worker import LoadWorker
    from tests.integration.conftest import share_of
    worker = LoadWorker()
    share = share_of(sys.argv[1], permits=16, number=400, output_length=(16,))
    worker.prepare(share)
    worker.run()
    found = certify([worker.collect()])
    worker.close()
    print(found.reasons)
    """)


@linux
def test_a_second_load_on_the_same_core_fails_the_certificate(start_mock):
    mock = start_mock("--model", "m", "--ttft-ms", "20", "--itl-ms", "5")
    core = str(max(os.sched_getaffinity(0)))
    hogs = [subprocess.Popen(["taskset", "-c", core, sys.executable, "-c", HOG]) for _ in range(2)]
    try:
        said = subprocess.run(
            [sys.executable, "-c", LOADED, mock.base_url, core],
            stdout=subprocess.PIPE,
            text=True,
            timeout=60,
            check=True,
        ).stdout
    finally:
        for hog in hogs:
            hog.kill()
            hog.wait()
    assert "for its core" in said or "read late" in said or "stalled" in said


def test_the_loop_takes_a_pause_without_busy_waiting(measure):
    found = measure(lambda ask: [0.4, *healthy()], permits=2, number=2)
    assert found.haul.health.cpu_share < 0.4
