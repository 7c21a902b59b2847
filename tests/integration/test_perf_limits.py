"""时限与闭环：每个时限各管各的；许可之内一个不多、一个不少；叫停就停。"""

from __future__ import annotations

import threading
from time import perf_counter

import pytest

from rayeval.domain.perf import ClimbSpec
from tests.integration.conftest import Measured, reap, run_guarded, share_of
from tests.integration.scripted import (
    CHUNKED,
    DONE,
    OK,
    Step,
    chunk,
    deaf,
    delta,
    healthy,
    stream,
    usage,
)

pytestmark = pytest.mark.solo

A, STOP = delta(content="a"), delta("stop")
TAIL = [STOP, usage(2), DONE]
PING = b": ping\n\n"


# ---- 时限 ----

DEAD_BEFORE_A_BYTE: dict[str, list[Step]] = {"silence": ["hang"]}
DEAD_LATER: dict[str, list[Step]] = {
    "after the head": [CHUNKED, "hang"],
    "after a token": stream(A, "hang"),
    "in mid-head": [OK[:20], "hang"],
    "in mid-chunk": [CHUNKED + chunk(A)[:-9], "hang"],
    "before the last chunk": [CHUNKED + b"".join(map(chunk, [A, STOP])), "hang"],
}
DEAD = DEAD_BEFORE_A_BYTE | DEAD_LATER
ALIVE: dict[str, list[Step]] = {
    "tokens": stream(*[0.03, A] * 40, *TAIL),
    "comments": stream(*[0.03, PING] * 40, A, *TAIL),
    "a byte at a time": [CHUNKED + b"500\r\n", *[0.03, b"\n"] * 40, "hang"],
}


def timed_out(found: Measured, limit_s: float) -> None:
    """第一个请求在 `limit_s` 时被放弃，话里说了是哪个时限；其余都好。"""
    row, *others = found.rows
    assert row["error_class"] == "timeout", row["error_message"]
    assert f"{limit_s:g} s" in row["error_message"]
    assert -0.01 <= row["end_s"] - row["start_s"] - limit_s < 0.25
    assert row["e2e_s"] is None
    assert {row["error_class"] for row in others} <= {None}
    assert found.summary.timed_out == 1
    assert found.summary.timeout_ratio == pytest.approx(1 / len(found.rows))
    assert len(found.server.asks) == len(found.rows)


def first(steps: list[Step]):
    """第一个请求照 `steps` 演，其余健康。"""
    return lambda ask: steps if ask.order == 0 else healthy()


@pytest.mark.parametrize("name", DEAD | ALIVE)
def test_the_whole_of_a_request_has_a_limit(measure, name):
    found = measure(first((DEAD | ALIVE)[name]), timeout_s=0.32)
    timed_out(found, 0.32)
    if "token" in name:
        assert found.rows[0]["token_events"] >= 1
        assert found.rows[0]["ttft_s"] is not None


@pytest.mark.parametrize("name", DEAD_BEFORE_A_BYTE)
def test_the_first_byte_has_a_limit(measure, name):
    found = measure(first(DEAD[name]), timeout_s=1.5, first_byte_timeout_s=0.23)
    timed_out(found, 0.23)
    assert found.rows[0]["http_status"] is None


def test_the_first_byte_is_any_byte_and_then_the_limit_is_over(measure):
    slow = [0.1, OK[:9], 0.35, OK[9:] + b"\r\n", 0.02, A + b"".join(TAIL), "close"]
    found = measure(slow, number=2, first_byte_timeout_s=0.23)
    assert found.classes == [None, None]
    found = measure(stream(A, 0.35, *TAIL), number=2, first_byte_timeout_s=0.23)
    assert found.classes == [None, None]


@pytest.mark.parametrize("name", DEAD_LATER)
def test_a_pause_has_a_limit(measure, name):
    found = measure(first(DEAD[name]), timeout_s=1.5, idle_timeout_s=0.27)
    row = found.rows[0]
    timed_out(found, 0.27)
    assert row["token_events"] == ("token" in name or "last chunk" in name)
    assert row["http_status"] == (None if "mid-head" in name else 200)


def test_a_pause_is_counted_from_the_last_read(measure):
    dies = stream(*[0.1, A] * 4, "hang")
    found = measure(first(dies), timeout_s=1.5, idle_timeout_s=0.27, number=2)
    row = found.rows[0]
    assert (row["error_class"], row["token_events"]) == ("timeout", 4)
    assert "0.27 s" in row["error_message"]
    assert 0.6 < row["end_s"] - row["start_s"] < 1.0


def test_a_pause_before_the_first_byte_is_no_pause(measure):
    found = measure([0.4, *healthy()], number=1, idle_timeout_s=0.2)
    assert found.classes == [None]


@pytest.mark.parametrize("sign_of_life", [PING, A], ids=["comments", "tokens"])
def test_a_sign_of_life_is_no_pause(measure, sign_of_life):
    steps = stream(*[0.1, sign_of_life] * 5, A, *TAIL)
    found = measure(steps, number=1, idle_timeout_s=0.25, first_byte_timeout_s=0.25)
    assert found.classes == [None]


def test_a_limit_starts_anew_with_each_request(measure):
    steps = [0.15, *stream(A, 0.15, *TAIL)]
    limits = {"timeout_s": 0.6, "first_byte_timeout_s": 0.3, "idle_timeout_s": 0.3}
    found = measure(steps, number=4, **limits)
    assert found.classes == [None] * 4
    assert found.server.connections == 1


def test_the_first_limit_to_pass_is_the_one_that_is_said(measure):
    limits = {"timeout_s": 0.7, "first_byte_timeout_s": 0.2, "idle_timeout_s": 0.4}
    timed_out(measure(first(["hang"]), **limits), 0.2)
    timed_out(measure(first(stream(A, "hang")), **limits), 0.4)
    timed_out(measure(first(stream(*[0.1, A] * 20)), **limits), 0.7)


def test_a_timed_out_connection_is_closed_at_once_and_not_used_again(measure):
    found = measure(first(stream(A, "hang")), timeout_s=0.3, number=4)
    ask = found.server.asks[0]
    assert ask.gone is not None
    assert ask.gone - ask.begin < 0.6
    assert found.server.turns(ask.connection) == 1
    assert found.server.connections == 2


def test_the_last_request_to_hang_does_not_hold_the_cell(measure):
    found = measure(
        lambda ask: stream(A, "hang") if ask.order == 11 else healthy(),
        permits=4,
        number=12,
        timeout_s=0.3,
    )
    assert found.classes.count(None) == 11
    assert found.summary.errors == {"timeout": 1}
    assert found.wall_s < 1


def test_a_connect_has_a_limit(loader):
    with deaf() as url:
        share = share_of(url, permits=2, number=3, timeout_s=6, connect_timeout_s=0.25)
        worker, begin = loader(), perf_counter()
        worker.prepare(share)
        assert perf_counter() - begin < 1.5
        found = reap(worker, share, None, run_guarded(worker))
        worker.close()
    assert found.wall_s < 1.5
    assert len(found.rows) == 3
    for row in found.rows:
        assert row["error_class"] in ("connect", "timeout")
        assert "0.25 s" in row["error_message"]
        assert url.removeprefix("http://").removesuffix("/v1") in row["error_message"]
        assert row["http_status"] is None


def test_a_request_that_times_out_while_connecting_counts_once(loader):
    # 总时限先到，拨号的时限后到：不许记两次账
    with deaf() as url:
        share = share_of(url, permits=2, number=6, timeout_s=0.2, connect_timeout_s=0.3)
        worker = loader()
        worker.prepare(share)
        found = reap(worker, share, None, run_guarded(worker))
        worker.close()
    assert sorted(row["index"] for row in found.rows) == list(range(6))
    assert set(found.classes) == {"timeout"}
    assert all("0.2 s" in row["error_message"] for row in found.rows)


# ---- 许可 ----


@pytest.mark.parametrize(
    ("number", "permits"), [(1, 1), (2, 1), (7, 3), (3, 3), (97, 7), (64, 64), (100, 33)]
)
def test_exactly_as_many_are_issued_on_as_many_connections(measure, number, permits):
    found = measure(healthy(), number=number, permits=permits)
    assert found.classes == [None] * number
    assert sorted(row["index"] for row in found.rows) == list(range(number))
    assert len(found.server.asks) == found.summary.issued == number
    assert found.server.peak <= permits
    # 连接事先备好，许可几个就几条，一条不多
    assert found.server.connections == found.haul.health.connections_opened == permits
    assert found.haul.health.connections_dropped == 0


@pytest.mark.parametrize(("number", "permits", "workers"), [(10, 4, 3), (33, 8, 2), (9, 3, 3)])
def test_shares_make_exactly_the_whole(scripted, loader, number, permits, workers):
    server = scripted(lambda ask: [0.005, *healthy()])
    crew = [loader() for _ in range(workers)]
    shares = [
        share_of(server.base_url, n, workers, permits=permits, number=number, warmup=4)
        for n in range(workers)
    ]
    for worker, share in zip(crew, shares, strict=True):
        worker.prepare(share)
    run_together(crew)
    tables = [worker.collect().requests.to_pylist() for worker in crew]
    rows = [row for table in tables for row in table]
    measured = [row["index"] for row in rows if row["phase"] != "warmup"]
    assert sorted(measured) == list(range(number))
    assert sorted(row["index"] for row in rows if row["phase"] == "warmup") == list(range(4))
    assert len({row["request_id"] for row in rows}) == len(server.asks) == number + 4
    assert server.peak <= permits


def run_together(crew) -> None:
    """各在各的线程里同时跑完。"""
    threads = [threading.Thread(target=run_guarded, args=(worker,)) for worker in crew]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_a_crowd_of_streams_some_of_which_break(measure):
    # 许可过百：等首 token 的流另有一级
    faults = {
        1: ["reset"],
        2: stream(A, 0.01, "reset"),
        3: ["close"],
        4: [0.05, *stream(A, "hang")],
        5: ["hang"],
        6: stream(A, "close"),
    }
    kinds = {1: "reset", 2: "reset", 3: "reset", 4: "timeout", 5: "timeout", 6: "incomplete"}

    def playbook(ask) -> list[Step]:
        return faults.get(ask.order % 10) or [0.01, *stream(A, 0.01, A, *TAIL)]

    found = measure(playbook, permits=120, number=360, timeout_s=1)
    expected = [kinds.get(n % 10) for n in range(360)]
    assert found.classes == expected
    assert sorted(row["index"] for row in found.rows) == list(range(360))
    assert found.server.peak <= 120
    assert {row["token_events"] for row in found.rows if row["error_class"] is None} == {2}
    assert all(row["ttft_s"] >= 0.009 for row in found.rows if row["error_class"] is None)


def test_a_straggler_is_no_barrier(measure):
    # 第一个请求要等其余的都答完才放行：有一点成批的意思就会卡死
    gate = threading.Event()
    others = 40

    def playbook(ask) -> list[Step]:
        if ask.order == 0:
            return [CHUNKED, gate, *stream(A, *TAIL)[1:]]
        return [0.003, *healthy(), *([gate.set] if ask.order == others else [])]

    found = measure(playbook, permits=4, number=others + 1)
    assert found.classes == [None] * (others + 1)
    straggler = found.rows[0]
    assert all(row["end_s"] <= straggler["end_s"] for row in found.rows)
    assert found.server.peak == 4


def test_the_next_request_goes_out_at_once(measure):
    found = measure([0.02, *healthy()], permits=2, number=12)
    rows = sorted(found.rows, key=lambda row: row["start_s"])
    ends = sorted(row["end_s"] for row in rows)
    gaps = sorted(row["start_s"] - end for row, end in zip(rows[2:], ends, strict=False))
    assert gaps[len(gaps) // 2] < 0.005
    assert gaps[0] > -0.001


CLIMBS = {
    "linear": ClimbSpec(mode="linear", growth_rate=2, growth_interval=300, init_concurrency=1),
    "static": ClimbSpec(mode="static", growth_interval=400, init_concurrency=2),
}


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("mode", CLIMBS)
def test_in_flight_climbs_with_the_permits_and_is_never_above(scripted, loader, mode, workers):
    server = scripted(lambda ask: [0.02, *healthy()])
    changes = {"permits": 6, "number": 220, "control_method": "climb", "climb": CLIMBS[mode]}
    crew = [loader() for _ in range(workers)]
    shares = [share_of(server.base_url, n, workers, **changes) for n in range(workers)]
    for worker, share in zip(crew, shares, strict=True):
        worker.prepare(share)
    run_together(crew)
    whole = shares[0].schedule.whole
    begin = server.levels[0][0]  # 第一个请求到达：零点在它之前一点点
    for at, level in server.levels:
        assert level <= whole.permits_at(at - begin + 0.02), (at - begin, level)
    # 每一级台阶都真的踩到
    for step in range(3):
        lower, upper = (begin + whole.interval_s * (step + part) for part in (0.2, 0.9))
        levels = [level for at, level in server.levels if lower <= at < upper]
        assert max(levels) == whole.permits_at(whole.interval_s * (step + 0.5))
    rows = [row for worker in crew for row in worker.collect().requests.to_pylist()]
    assert sorted(row["index"] for row in rows) == list(range(220))
    ramp = [row["start_s"] for row in rows if row["phase"] == "ramp"]
    plateau = [row["start_s"] for row in rows if row["phase"] == "plateau"]
    assert ramp
    assert plateau
    assert max(ramp) < min(plateau) + 0.05


def test_connections_are_opened_before_the_run_and_kept_over_epochs(loader, scripted):
    server, worker = scripted(lambda ask: healthy()), loader()
    for epoch in range(3):
        share = share_of(server.base_url, permits=5, number=15, epoch=epoch)
        worker.prepare(share)
        if epoch == 0:
            assert len(server.asks) == 0
        found = reap(worker, share, None, run_guarded(worker))
        assert {row["epoch"] for row in found.rows} == {epoch}
        assert {row["error_class"] for row in found.rows} == {None}
    assert server.connections == 5
    assert len({ask.request_id for ask in server.asks}) == 45
    worker.close()
    server.await_gone()


def test_another_service_means_other_connections_and_the_old_ones_go(loader, scripted):
    one, two, worker = scripted(lambda ask: healthy()), scripted(lambda ask: healthy()), loader()
    for server in (one, two):
        share = share_of(server.base_url, permits=3, number=6)
        worker.prepare(share)
        reap(worker, share, server, run_guarded(worker))
    one.await_gone()
    assert (len(one.asks), len(two.asks)) == (6, 6)
    worker.close()
    two.await_gone()


def test_warmup_is_marked_not_counted_and_hands_over_without_a_dip(measure):
    found = measure(
        lambda ask: [0.03 + 0.005 * (ask.order % 4), *healthy()], permits=4, number=24, warmup=8
    )
    warm = [row for row in found.rows if row["phase"] == "warmup"]
    rest = [row for row in found.rows if row["phase"] != "warmup"]
    assert (len(warm), len(rest)) == (8, 24)
    assert [row["phase"] for row in found.rows[:8]] == ["warmup"] * 8
    assert found.summary.issued == 24
    assert found.summary.wall_s < max(row["end_s"] for row in rest)
    assert not {row["request_id"] for row in warm} & {row["request_id"] for row in rest}
    # 交接处（第一个测量请求前后）在途的均值不掉下来
    border = min(row["start_s"] for row in rest)
    busy = sum(
        max(0.0, min(row["end_s"], border + 0.05) - max(row["start_s"], border - 0.03))
        for row in found.rows
    )
    assert busy / 0.08 > 3.4


def test_prompts_differ_from_their_first_words_on(measure):
    found = measure(healthy(), permits=2, number=12, warmup=4)
    heads = {ask.json["messages"][0]["content"][:64] for ask in found.server.asks}
    assert len(heads) == 16


# ---- 计数与叫停 ----


def test_counters_can_be_read_while_it_runs(measure, loader):
    worker = loader()
    seen = []
    found = measure(
        lambda ask: [lambda: seen.append(worker.counters()), *healthy()],
        worker=worker,
        permits=3,
        number=30,
    )
    assert len(found.rows) == len(seen) == 30
    for name in ("issued", "done", "tokens"):
        values = [getattr(counters, name) for counters in seen]
        assert values == sorted(values)
    assert all(0 <= counters.in_flight <= 3 for counters in seen)
    assert all(counters.done <= counters.issued for counters in seen)
    assert worker.counters().tokens == 90


def cancelled_in_mid_run(loader, server, gate: threading.Event, **changes):
    """跑到 `gate` 开了就叫停；返回（行，叫停到返回的秒数）。"""
    worker, share = loader(), share_of(server.base_url, **changes)
    worker.prepare(share)
    thread = threading.Thread(target=run_guarded, args=(worker,))
    thread.start()
    assert gate.wait(10)
    begin = perf_counter()
    worker.cancel()
    worker.cancel()  # 再叫一次也无妨
    thread.join(10)
    assert not thread.is_alive()
    return reap(worker, share, server, perf_counter() - begin), worker


def test_cancel_returns_at_once_with_what_there_is(loader, scripted):
    gate, hung = threading.Event(), threading.Semaphore(0)

    def hang_now() -> None:
        hung.release()
        if len(server.asks) == 9:
            gate.set()

    # 前六个健康，之后三个许可都挂着：各已来了一个 token
    server = scripted(
        lambda ask: healthy() if ask.order < 6 else [*stream(A, 0.03, hang_now, "hang")]
    )
    found, worker = cancelled_in_mid_run(loader, server, gate, permits=3, number=40, warmup=2)
    assert found.wall_s < 1
    assert found.classes == [None] * 6 + ["cancelled"] * 3
    for row in found.rows[6:]:
        assert row["token_events"] == 1
        assert row["end_s"] > row["start_s"]
    summary = found.summary
    assert (summary.issued, summary.succeeded, summary.failed) == (4, 4, 0)
    assert summary.errors == {"cancelled": 3}
    worker.close()
    server.await_gone()


def test_cancel_while_connecting_returns_at_once(loader):
    with deaf() as url:
        share = share_of(url, permits=2, number=4, timeout_s=6, connect_timeout_s=1)
        worker = loader()
        worker.prepare(share)
        thread = threading.Thread(target=run_guarded, args=(worker,))
        thread.start()
        deadline, tick = perf_counter() + 5, threading.Event()
        while worker.counters().in_flight < 2 and perf_counter() < deadline:
            tick.wait(0.01)
        begin = perf_counter()
        worker.cancel()
        thread.join(10)
        found = reap(worker, share, None, perf_counter() - begin)
        worker.close()
    assert found.wall_s < 0.5
    assert found.classes == ["cancelled"] * 2


def test_a_cancelled_worker_serves_the_next_cell(loader, scripted):
    gate = threading.Event()
    server = scripted(lambda ask: [gate.set, "hang"] if ask.json["max_tokens"] == 9 else healthy())
    found, worker = cancelled_in_mid_run(
        loader, server, gate, permits=1, number=5, output_length=(9,)
    )
    assert found.classes == ["cancelled"]
    share = share_of(server.base_url, permits=2, number=6)
    worker.prepare(share)
    assert reap(worker, share, None, run_guarded(worker)).classes == [None] * 6
    worker.cancel()  # 跑完之后叫停：无事
    assert worker.collect().requests.num_rows == 6


def test_cancel_before_the_run_issues_nothing(loader, scripted):
    server, worker = scripted(lambda ask: healthy()), loader()
    worker.prepare(share_of(server.base_url, permits=2, number=6))
    worker.cancel()
    assert run_guarded(worker) < 1
    assert worker.collect().requests.num_rows == 0
    assert server.asks == []
