"""压测黑盒测试的夹具：按剧本演的服务、一次跑完的压测、每行都守的规矩、什么也不许漏。"""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

import pytest

from rayeval.domain.load import Share
from rayeval.domain.perf import PerfSpec
from rayeval.domain.records import ERROR_CLASSES, REQUESTS
from rayeval.domain.report import CellSummary
from rayeval.domain.schedule import Slice
from rayeval.domain.service import Endpoint
from tests.integration.scripted import Ask, Playbook, Scripted, healthy

if TYPE_CHECKING:  # 热路径只在用到处导入：它一时坏了，不该拖倒别的集成测试
    from rayeval.perf.crew import Haul
    from rayeval.perf.worker import LoadWorker

LIMIT_S = 15.0
"""一个 cell 不管遇到什么都该在此之内结束。"""
SLACK_S = 0.001
"""不同来源的钟之间的出入。"""


def share_of(base_url: str, worker: int = 0, workers: int = 1, **changes: Any) -> Share:
    """一份份额；`permits`、`number`、`endpoint`、`epoch` 之外的改动归 PerfSpec。"""
    endpoint = changes.pop("endpoint", None) or Endpoint(base_url, "m")
    permits, number = changes.pop("permits", 1), changes.pop("number", 3)
    epoch = changes.pop("epoch", 0)
    fields = {
        "concurrency": (permits,),
        "num_requests": (number,),
        "input_length": (16,),
        "output_length": (4,),
        "control_method": "queue",
        "timeout_s": 8,
        **changes,
    }
    spec = PerfSpec(**fields)
    schedule = Slice(spec.schedule(permits), worker, workers)
    return Share(endpoint, spec.cells()[0], spec, schedule, epoch=epoch, salt="s")


@dataclass
class Measured:
    """一次跑完的收获；`rows` 按服务收到的次序，没有到服务的排在后面。"""

    rows: list[dict[str, Any]]
    haul: Haul
    server: Scripted | None
    share: Share
    wall_s: float

    @property
    def classes(self) -> list[str | None]:
        return [row["error_class"] for row in self.rows]

    @property
    def row(self) -> dict[str, Any]:
        [row] = self.rows
        return row

    def ask(self, row: dict[str, Any] | None = None) -> Ask:
        """一行最后一次被服务收到的请求。"""
        assert self.server is not None
        wanted = (row or self.row)["request_id"]
        return [ask for ask in self.server.asks if ask.request_id == wanted][-1]

    @property
    def summary(self) -> CellSummary:
        from rayeval.perf.summary import summarise

        share = self.share
        return summarise(
            self.haul.requests, share.cell, share.spec, provider="p", execution_time="now"
        )


def keep_the_rules(row: dict[str, Any]) -> None:
    """任何一行，不论服务怎样，都守的规矩。"""
    order = ("ttfb_s", "ttft_s", "second_token_s", "last_token_s", "e2e_s")
    times = [row[name] for name in order if row[name] is not None]
    gaps = row["itl_s"] or []
    assert times == sorted(times), row
    assert all(moment >= 0 for moment in times + gaps), row
    assert len(gaps) == max(0, row["token_events"] - 1), row
    assert (row["ttft_s"] is None) == (row["last_token_s"] is None) == (row["token_events"] == 0)
    assert row["ttfa_s"] is None or row["ttfa_s"] >= row["ttft_s"]
    assert row["last_reasoning_s"] is None or row["last_reasoning_s"] <= row["last_token_s"]
    if times and gaps:
        assert row["ttft_s"] + sum(gaps) == pytest.approx(row["last_token_s"], abs=1e-5)
    assert row["end_s"] >= row["start_s"]
    # 零点是第一个测量请求：预热可以在它之前
    assert row["phase"] == "warmup" or row["start_s"] >= -SLACK_S
    span = row["end_time"] - row["start_time"]
    assert span == pytest.approx(row["end_s"] - row["start_s"], abs=1e-5)
    assert abs(row["start_time"] - time()) < 60
    assert row["clock"] in ("read", "kernel")
    assert row["retries"] in (0, 1)
    for name in ("prompt_tokens", "completion_tokens", "reasoning_tokens", "content_tokens"):
        assert row[name] is None or row[name] >= 0
    if row["error_class"] is None:
        assert row["error_message"] is None
        assert 200 <= row["http_status"] < 300
        assert row["end_s"] - row["start_s"] >= row["e2e_s"] - SLACK_S
    else:
        assert row["error_class"] in ERROR_CLASSES
        assert row["error_message"]
        assert row["e2e_s"] is None


def run_guarded(worker: LoadWorker) -> float:
    """在自己的线程里跑完；到时不完就叫停并报错。返回用时。"""
    caught: list[BaseException] = []

    def body() -> None:
        try:
            worker.run()
        except BaseException as error:
            caught.append(error)

    thread = threading.Thread(target=body)
    begin = perf_counter()
    thread.start()
    thread.join(LIMIT_S)
    late = thread.is_alive()
    if late:
        worker.cancel()
        thread.join(LIMIT_S)
    for error in caught:
        raise error
    assert not late, "the cell did not end"
    return perf_counter() - begin


def reap(worker: LoadWorker, share: Share, server: Scripted | None, wall_s: float) -> Measured:
    """取走收获；账要对得上，行要守规矩。"""
    haul, counters = worker.collect(), worker.counters()
    assert haul.requests.schema.equals(REQUESTS)
    rows = haul.requests.to_pylist()
    for row in rows:
        keep_the_rules(row)
    failed = sum(row["error_class"] is not None for row in rows)
    assert (counters.issued, counters.done, counters.in_flight) == (len(rows), len(rows), 0)
    assert counters.failed == failed
    assert haul.health is not None
    assert haul.health.requests_issued == len(rows)
    assert haul.health.retries == sum(row["retries"] for row in rows)
    assert len({row["request_id"] for row in rows}) == len(rows)
    if server is not None:
        firsts = {ask.request_id: ask.order for ask in server.asks}
        rows.sort(key=lambda row: firsts.get(row["request_id"], len(firsts)))
    return Measured(rows, haul, server, share, wall_s)


def _open_things() -> dict[str, int]:
    """开着的描述符与线程。"""
    return {
        "descriptors": sum(1 for _ in Path("/proc/self/fd").iterdir()),
        "threads": threading.active_count(),
        "native threads": sum(1 for _ in Path("/proc/self/task").iterdir()),
    }


@pytest.fixture(scope="session")
def rehearsed() -> None:
    """先走一遍：解释器与库头一回用到的线程和文件不算漏。"""
    from rayeval.perf.worker import LoadWorker

    server, worker = Scripted(lambda ask: healthy()), LoadWorker()
    share = share_of(server.base_url, permits=4, number=8)
    worker.prepare(share)
    _ = reap(worker, share, server, run_guarded(worker)).summary
    worker.close()
    server.stop()


@pytest.fixture
def sealed(rehearsed: None) -> Iterator[None]:
    """压测者与服务都收场之后，描述符与线程一个不多。"""
    before = _open_things()
    yield
    after = _open_things()
    if after != before:
        gc.collect()  # 要几十毫秒，有疑才做
        after = _open_things()
    assert all(after[name] <= before[name] for name in before), (before, after)


@pytest.fixture
def scripted(sealed: None) -> Iterator[Callable[..., Scripted]]:
    """`scripted(playbook, host=…, tls=…) -> Scripted`；结束时都收场。"""
    with ExitStack() as stack:

        def start(playbook: Playbook, **options: Any) -> Scripted:
            server = Scripted(playbook, **options)
            stack.callback(server.stop)
            return server

        yield start


@pytest.fixture
def loader(scripted: Callable[..., Scripted]) -> Iterator[Callable[[], LoadWorker]]:
    """`loader() -> LoadWorker`；先于服务收场，收场之后服务那边不许还有连接。"""
    from rayeval.perf.worker import LoadWorker

    made: list[LoadWorker] = []

    def make() -> LoadWorker:
        made.append(LoadWorker())
        return made[-1]

    yield make
    for worker in made:
        worker.close()


@pytest.fixture
def measure(
    scripted: Callable[..., Scripted], loader: Callable[[], LoadWorker]
) -> Callable[..., Measured]:
    """`measure(playbook, **changes) -> Measured`：一个服务、一个压测者、一个 cell。

    `playbook` 也可以是一个现成的 Scripted 或一份不变的剧本。
    """

    def run(
        playbook: Any, *, worker: LoadWorker | None = None, tls: Any = None, **changes: Any
    ) -> Measured:
        server = playbook if isinstance(playbook, Scripted) else None
        if server is None:
            steps = playbook
            server = scripted(steps if callable(steps) else lambda ask: steps, tls=tls)
        base_url = changes.pop("base_url", server.base_url)
        load, share = worker or loader(), share_of(base_url, **changes)
        load.prepare(share)
        found = reap(load, share, server, run_guarded(load))
        if worker is None:
            load.close()
            server.await_gone()
        return found

    return run
