"""压测组的一套约定：一个线程、几个进程、几个 actor 都守；号码、许可、零点与失联。"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from rayeval.domain.load import Share
from rayeval.domain.perf import PerfSpec
from rayeval.domain.schedule import Slice
from rayeval.errors import UsageError
from rayeval.perf.arrivals import deadlines
from rayeval.perf.inline_crew import inline_crew

pytestmark = pytest.mark.solo

LIMIT_S = 30.0
CLIMB = {"growth_rate": 2, "growth_interval": 250, "init_concurrency": 2}


@pytest.fixture(scope="module")
def ray_session():
    from rayeval_actors.session import session

    with session("local"):
        yield


@pytest.fixture(
    scope="module",  # 一组跑一个又一个 cell，服务换了也一样：真的运行正是如此
    params=[("inline", 1), ("inline", 4), pytest.param(("ray", 4), marks=pytest.mark.cluster)],
    ids=["1 thread", "4 processes", "4 actors"],
)
def crew(request):
    kind, size = request.param
    if kind == "ray":
        request.getfixturevalue("ray_session")
        from rayeval_actors.load import ray_crew as make
    else:
        make = inline_crew
    with make(size) as crew:
        yield crew


def shares(endpoint, workers, *, permits=8, number=80, **changes):
    fields = {
        "concurrency": (permits,),
        "num_requests": (number,),
        "input_length": (16,),
        "output_length": (8,),
        "control_method": "queue",
        "timeout_s": 20,
        **changes,
    }
    spec = PerfSpec(**fields)
    schedule = spec.schedule(permits)
    return [
        Share(endpoint, spec.cells()[0], spec, Slice(schedule, n, workers), epoch=0, salt="s")
        for n in range(workers)
    ]


def finish(crew):
    deadline = time.monotonic() + LIMIT_S
    while not crew.wait(0.1):
        assert time.monotonic() < deadline, "the cell did not end"
    hauls = crew.collect()
    assert [haul.lost for haul in hauls] == [""] * len(hauls)
    return [row for haul in hauls for row in haul.requests.to_pylist()]


def play(crew, endpoint, **changes):
    parts = shares(endpoint, crew.size, **changes)
    crew.prepare(parts)
    crew.go()
    rows = finish(crew)
    warm = [row for row in rows if row["phase"] == "warmup"]
    return warm, [row for row in rows if row["phase"] != "warmup"], parts[0].schedule.whole


def level(rows, at):
    return sum(row["start_s"] <= at < row["end_s"] for row in rows)


def test_a_climb_drawn_from_the_rows_agrees_with_the_permits_at_every_instant(crew, start_mock):
    mock = start_mock("--ttft-ms", "60", "--itl-ms", "1")
    _, rows, whole = play(crew, mock.endpoint, number=120, control_method="climb", climb=CLIMB)
    assert sorted(row["index"] for row in rows) == list(range(120))
    for row in rows:
        assert level(rows, row["start_s"]) <= whole.permits_at(row["start_s"])
        ramp = whole.permits_at(row["start_s"]) < whole.peak
        assert row["phase"] == ("ramp" if ramp else "plateau")
    last = max(row["start_s"] for row in rows)
    for step in range(4):
        here = np.linspace(step * 0.25 + 0.08, min(last, (step + 1) * 0.25) - 0.01, 50)
        permits = whole.permits_at(float(here[0]))
        assert np.mean([level(rows, at) for at in here]) > 0.7 * permits
    assert len({row["worker"] for row in rows}) == crew.size


def test_all_workers_count_from_the_same_instant_however_long_one_of_them_warms_up(
    crew, start_mock
):
    mock = start_mock("--ttft-ms", "150", "--itl-ms", "0")
    _, rows, _ = play(crew, mock.endpoint, number=24, warmup=1)
    zeros = [row["start_time"] - row["start_s"] for row in rows]
    assert max(zeros) - min(zeros) < 0.02
    firsts = [
        min(row["start_s"] for row in rows if row["worker"] == worker)
        for worker in range(crew.size)
    ]
    assert min(firsts) >= 0
    assert max(firsts) < 0.03


def test_warmup_hands_over_without_a_dip_and_is_not_counted(crew, start_mock):
    mock = start_mock("--ttft-ms", "20", "--itl-ms", "2")
    warm, rows, _ = play(crew, mock.endpoint, warmup=9)  # 几个压测者时只有第一个要做两轮
    assert sorted(row["index"] for row in rows) == list(range(80))
    assert {row["index"] for row in warm} >= set(range(9))
    assert len({row["request_id"] for row in warm + rows}) == len(warm) + len(rows)
    assert max(row["start_s"] for row in warm) <= min(row["start_s"] for row in rows) + 0.002
    border = np.linspace(-0.015, 0.015, 100)
    assert np.mean([level(warm + rows, at) for at in border]) > 0.85 * 8
    assert mock.stats()["max_in_flight"] <= 8


def test_few_warmups_end_before_the_zero(crew, start_mock):
    mock = start_mock("--ttft-ms", "20", "--itl-ms", "1")
    warm, rows, _ = play(crew, mock.endpoint, warmup=3)
    assert sorted(row["index"] for row in warm) == [0, 1, 2]
    assert max(row["end_s"] for row in warm) <= min(row["start_s"] for row in rows)


def test_open_loop_sends_each_request_at_its_own_time(crew, start_mock):
    mock = start_mock("--ttft-ms", "5", "--itl-ms", "0")
    load = {"request_rate": 100, "arrival": "gamma"}
    warm, rows, _ = play(
        crew, mock.endpoint, number=60, warmup=2, control_method="rate", open_loop=load
    )
    assert len(warm) == 2
    rows.sort(key=lambda row: row["index"])
    assert [row["index"] for row in rows] == list(range(60))
    spec = PerfSpec(control_method="rate", open_loop=load)
    due = deadlines(spec.open_loop, 60, 0)
    assert [row["scheduled_s"] for row in rows] == pytest.approx(due.tolist(), abs=1e-6)
    assert np.median([row["start_s"] - row["scheduled_s"] for row in rows]) < 0.01


def test_cancelled_crew_gives_the_rows_it_has_and_can_go_again(crew, start_mock):
    mock = start_mock("--ttft-ms", "10", "--itl-ms", "2")
    crew.prepare(shares(mock.endpoint, crew.size, number=5000))
    crew.go()
    while crew.counters().done < 20:
        assert not crew.wait(0.05)
    crew.cancel()
    rows = finish(crew)
    assert 20 <= len(rows) < 5000
    assert "cancelled" in {row["error_class"] for row in rows}
    _, rows, _ = play(crew, mock.endpoint, number=40)
    assert sorted(row["index"] for row in rows) == list(range(40))


def test_cancelled_before_the_zero_ends_at_once(crew, start_mock):
    mock = start_mock("--ttft-ms", "20000")
    crew.prepare(shares(mock.endpoint, crew.size, warmup=1))
    crew.go()
    while crew.counters().issued < 1:
        assert not crew.wait(0.05)
    begin = time.monotonic()
    crew.cancel()
    finish(crew)
    assert time.monotonic() - begin < 3


def test_a_mistake_of_ours_is_raised_as_it_is(crew, start_mock):
    mock = start_mock()
    bad = type(mock.endpoint)("ftp://nowhere/v1", "m")
    with pytest.raises(UsageError, match="base_url must look like"):
        crew.prepare(shares(bad, crew.size))


# ---- 进程 ----


@contextmanager
def two_processes():
    with inline_crew(2) as crew:
        yield crew, [hand._process.pid for hand in crew._hands]


def test_ctrl_c_is_for_the_parent_alone(start_mock):
    mock = start_mock("--ttft-ms", "2", "--itl-ms", "1")
    with two_processes() as (crew, pids):
        _, rows, _ = play(crew, mock.endpoint)
        for pid in pids:
            os.kill(pid, signal.SIGINT)
        _, rows, _ = play(crew, mock.endpoint)
    assert sorted(row["index"] for row in rows) == list(range(80))


def test_a_worker_lost_before_the_zero_is_not_waited_for(start_mock):
    mock = start_mock("--ttft-ms", "2", "--itl-ms", "1")
    with two_processes() as (crew, pids):
        crew.prepare(shares(mock.endpoint, 2))
        os.kill(pids[0], signal.SIGKILL)
        crew.go()
        deadline = time.monotonic() + LIMIT_S
        while not crew.wait(0.05):
            assert time.monotonic() < deadline, "the other waited for a dead one"
        lost, other = crew.collect()
        assert crew.size == 1
    assert lost.lost == "its process was killed by SIGKILL"
    indices = set(other.requests["index"].to_pylist())
    assert len(indices) == 76, "only the four that the dead one had taken are in no row"
    assert max(indices) == 79


def test_nothing_is_left_behind(start_mock):
    def opened():
        return len(list(Path("/proc/self/fd").iterdir())), len(
            list(Path("/proc/self/task").iterdir())
        )

    mock = start_mock("--ttft-ms", "2", "--itl-ms", "1")
    before = opened()
    with two_processes() as (crew, pids):
        play(crew, mock.endpoint)
    assert opened() == before
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


PARENT = """
import time
from rayeval.perf.inline_crew import inline_crew
with inline_crew(2) as crew:
    print(*[hand._process.pid for hand in crew._hands], flush=True)
    time.sleep(60)
"""


def test_processes_do_not_outlive_a_killed_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    with parent:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        parent.kill()
    deadline = time.monotonic() + 10
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(alive(pid) for pid in pids)


def alive(pid):
    """还在；没人收的僵尸不算。"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
