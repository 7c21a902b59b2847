"""两个执行者过同一套约定：次序、崩溃、邻居、嵌套、取消、背压。"""

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from rayeval.pipeline import inline
from rayeval.pipeline.executor import Executor, Kind, Profile
from rayeval.pipeline.inline import BUFFER, InlineExecutor

SCENARIO, SHARD = Profile(Kind.SCENARIO, width=3), Profile(Kind.SHARD, width=3)


@pytest.fixture(scope="module")
def ray_executor():
    from rayeval_actors.executor import RayExecutor
    from rayeval_actors.session import session

    with session("local"):
        yield RayExecutor()


@pytest.fixture(params=["inline", pytest.param("ray", marks=pytest.mark.cluster)])
def executor(request) -> Executor:
    return (
        InlineExecutor() if request.param == "inline" else request.getfixturevalue("ray_executor")
    )


def count(item: int):
    for n in range(item):
        yield (item, n)


def heard(folder: str) -> Path:
    return Path(folder) / "heard"


def until_heard(folder: str) -> None:
    """等读者收到上一个事件：死前的那个已送达，才谈得上“送达的不丢”。"""
    while not heard(folder).exists():
        time.sleep(0.01)


def count_then(item: tuple[str, str]):
    death, folder = item
    yield "one"
    yield "two"
    if death == "raise":
        raise ValueError("by design")
    if death in {"exit", "kill"}:
        until_heard(folder)
    if death == "exit":
        os._exit(3)
    if death == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    yield "three"


def by_item(emissions):
    result = {}
    for emission in emissions:
        result.setdefault(emission.item, []).append(emission)
    return result


@pytest.mark.parametrize("profile", [SCENARIO, SHARD], ids=["scenario", "shard"])
def test_events_of_an_item_keep_their_order_and_end_once(executor, profile):
    said = by_item(executor.fan_out(count, [3, 0, 5], profile))
    for item, emissions in said.items():
        assert [e.event for e in emissions[:-1]] == [(item, n) for n in range(item)]
        assert emissions[-1].ended
    assert sorted(said) == [0, 3, 5]


def test_nothing_to_do_ends_at_once(executor):
    assert list(executor.fan_out(count, [], SHARD)) == []


def listen(emissions, folder):
    """读完全部消息；听到 two 就说一声。"""
    said = {}
    for emission in emissions:
        said.setdefault(emission.item[0], []).append(emission)
        if emission.event == "two" and emission.item[0] in {"exit", "kill"}:
            heard(folder).touch()
    return said


def test_exception_is_the_crash_of_one_item_and_neighbours_go_on(executor, tmp_path):
    items = [(death, str(tmp_path)) for death in ("fine", "raise", "well")]
    said = listen(executor.fan_out(count_then, items, SHARD), tmp_path)
    *events, last = said["raise"]
    assert [e.event for e in events] == ["one", "two"]
    assert last.crash is not None
    assert last.crash.kind == "exception"
    assert "by design" in last.crash.message
    assert [e.event for e in said["fine"]] == ["one", "two", "three", None]
    assert said["well"][-1].ended


@pytest.mark.cluster
@pytest.mark.parametrize("death", ["exit", "kill"])
def test_death_of_a_worker_loses_nothing_delivered_and_neighbours_go_on(
    ray_executor, death, tmp_path
):
    items = [(kind, str(tmp_path)) for kind in ("fine", death)]
    said = listen(ray_executor.fan_out(count_then, items, SCENARIO), tmp_path)
    *events, last = said[death]
    assert [e.event for e in events] == ["one", "two"]
    assert last.crash is not None
    assert last.crash.kind == "worker_died"
    assert said["fine"][-1].ended


def die_once(item: str):
    marker = Path(item)
    yield "begun"
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield "finished"


@pytest.mark.cluster
def test_measurement_is_never_silently_retried(ray_executor, tmp_path):
    [*_, last] = ray_executor.fan_out(die_once, [str(tmp_path / "m")], SCENARIO)
    assert last.crash is not None


@pytest.mark.cluster
def test_idempotent_work_is_run_again_when_its_worker_dies(ray_executor, tmp_path):
    profile = Profile(Kind.SHARD, width=2, retries=1)
    emissions = list(ray_executor.fan_out(die_once, [str(tmp_path / "s")], profile))
    assert [e.event for e in emissions][-3:] == ["begun", "finished", None]


@pytest.mark.cluster
def test_work_that_is_run_again_is_first_cut_down_to_what_is_left(ray_executor, tmp_path):
    first, rest = str(tmp_path / "first"), str(tmp_path / "rest")
    profile = Profile(Kind.SHARD, retries=1, renew=lambda item: rest if item == first else item)
    Path(rest).touch()  # 剩下的那份不会再死
    emissions = list(ray_executor.fan_out(die_once, [first], profile))
    assert [e.event for e in emissions][-3:] == ["begun", "finished", None]
    assert emissions[-1].item == rest


def nest(item: int, executor: Executor):
    for emission in executor.fan_out(count, [item, item + 1], SHARD):
        if emission.event is not None:
            yield emission.event


def test_work_can_fan_out_further_from_within(executor):
    said = by_item(executor.fan_out(partial(nest, executor=executor), [2], SCENARIO))
    assert sorted(e.event for e in said[2][:-1]) == [(2, 0), (2, 1), (3, 0), (3, 1), (3, 2)]


def patient(folder: str):
    path = Path(folder)
    (path / f"started-{os.getpid()}-{time.monotonic_ns()}").touch()
    try:
        for n in range(10_000):
            yield n
            time.sleep(0.02)
    finally:
        (path / f"cleaned-{time.monotonic_ns()}").touch()


def test_closing_early_cancels_and_waits_until_everything_cleaned_up(executor, tmp_path):
    emissions = executor.fan_out(patient, [str(tmp_path)], SHARD)
    assert next(emissions).event == 0
    emissions.close()
    assert len(list(tmp_path.glob("cleaned-*"))) == len(list(tmp_path.glob("started-*"))) == 1


def eager(item: str):
    log = Path(item)
    for n in range(200):
        with log.open("a") as file:
            file.write("x")
        yield n


def test_producer_does_not_run_far_ahead_of_its_reader(executor, tmp_path):
    log = tmp_path / "produced"
    emissions = executor.fan_out(eager, [str(log)], SHARD)
    assert next(emissions).event == 0
    deadline = time.monotonic() + 1.0
    while time.monotonic() < deadline:  # 给生产者机会超前；它应当停在缓冲上
        time.sleep(0.05)
    produced = log.stat().st_size
    emissions.close()
    assert produced <= 2 * BUFFER + 4


def test_width_limits_how_many_run_at_once(executor, tmp_path):
    profile = Profile(Kind.SHARD, width=2)
    items = [str(tmp_path / str(n)) for n in range(5)]
    for item in items:
        Path(item).mkdir()
    emissions = executor.fan_out(patient, items, profile)
    for _ in range(20):
        next(emissions)
    started = len(list(tmp_path.glob("*/started-*")))
    emissions.close()
    assert started == 2


def test_pulse_that_raises_ends_the_wait_even_when_nothing_is_said(executor, tmp_path, monkeypatch):
    monkeypatch.setattr(inline, "PATIENCE_S", 0.5)  # 不作声的线程叫不停，等多久都一样
    beats = []

    def pulse():
        beats.append(1)
        if len(beats) > 2:
            raise TimeoutError("no longer worth the wait")

    with pytest.raises(TimeoutError, match="no longer worth"):
        list(executor.fan_out(mute, [str(tmp_path)], SHARD, pulse=pulse))


def mute(item: str):
    for _ in range(400):
        time.sleep(0.05)
        if Path(item, "never").exists():
            yield item
