"""一个压测者：prepare → run → collect；普通的类，套上线程或 Ray actor 都能用。"""

from __future__ import annotations

import asyncio
import hashlib
import platform
import threading
from collections.abc import Iterable

import uvloop

from rayeval.domain.load import Counters, Share, WorkerHealth
from rayeval.domain.records import empty_requests
from rayeval.errors import RayevalError, UsageError
from rayeval.perf.crew import Haul
from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import Ending
from rayeval.perf.interpret import interpret
from rayeval.perf.prompts import write_prompt
from rayeval.perf.rows import CLOCK, Rows
from rayeval.perf.stint import Stint
from rayeval.perf.target import RequestWriter, parse_target
from rayeval.perf.vitals import Vitals, collector_held
from rayeval.perf.wire import Connection, Pool


class LoadWorker:
    """按一份 Share 施压。

    次序：prepare、run、collect，可以反复；run 阻塞到全部了结（或 cancel）。
    counters 与 cancel 可从别的线程调用，其余只能一个接一个。用完 close。
    """

    def __init__(self) -> None:
        """还没有循环与连接。"""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool: Pool | None = None
        self._pool_key: object = None
        self._share: Share | None = None
        self._stint: Stint | None = None
        self._vitals = Vitals()
        self._cancelled = threading.Event()
        self._lock = threading.Lock()

    def prepare(self, share: Share) -> None:
        """造好全部请求字节，连好这一份峰值许可条连接；连不上不是错误，留给测量去记。

        许可永远为零的份额会永远等下去，因此抛 UsageError。
        """
        if share.schedule.peak == 0 and share.measured_indices():
            msg = (
                f"worker {share.worker} of {share.schedule.workers} has no permit; use fewer "
                f"workers than the concurrency {share.schedule.whole.peak}"
            )
            raise UsageError(msg)
        self._cancelled.clear()
        self._share = share
        loop, pool = self._open(share)
        pool.opened = pool.dropped = 0
        self._stint = Stint(share, _exchanges(share), pool)
        _rehearse(share)
        loop.run_until_complete(pool.fill(share.schedule.peak))

    def run(self) -> None:
        """跑完这一份才返回；prepare 之后调用一次。"""
        if self._stint is None or self._loop is None:
            raise RayevalError("LoadWorker.run was called before prepare; call prepare first")
        self._vitals = Vitals()
        with collector_held():
            self._loop.run_until_complete(self._drive(self._stint))

    def collect(self) -> Haul:
        """取走 run 的收获；没有跑过则表为空。"""
        share, stint = self._share, self._stint
        if share is None or stint is None:
            return Haul(0, empty_requests(), None, lost="nothing was prepared")
        return Haul(share.worker, stint.rows.table(), self._health(share, stint))

    def counters(self) -> Counters:
        """此刻的计数；任一线程可读。"""
        stint = self._stint
        return Counters() if stint is None else stint.counters()

    def cancel(self) -> None:
        """尽快停下；任一线程可调用，run 随后返回，collect 仍给出已有的行。"""
        self._cancelled.set()
        with self._lock:
            loop, stint = self._loop, self._stint
            if loop is not None and stint is not None and loop.is_running():
                loop.call_soon_threadsafe(stint.cancel)

    def close(self) -> None:
        """断开连接，收掉循环。"""
        if self._loop is not None:
            self._drop_pool()
            with self._lock:
                loop, self._loop = self._loop, None
            loop.close()

    async def _drive(self, stint: Stint) -> None:
        """在循环里跑；cancel 先于 run 到的也算。"""
        assert self._loop is not None  # noqa: S101 run 已看过
        self._vitals.start(self._loop)
        if self._cancelled.is_set():
            stint.pace.stop(0.0)
        try:
            await stint.run()
        finally:
            self._vitals.stop()

    def _open(self, share: Share) -> tuple[asyncio.AbstractEventLoop, Pool]:
        """循环与连接池；换了地址就换一池。"""
        if self._loop is None:
            self._loop = uvloop.new_event_loop()
        target = parse_target(share.endpoint.base_url)
        if self._pool is None or self._pool_key != target:
            self._drop_pool()
            self._pool = Pool(target, self._ended)
            self._pool_key = target
        return self._loop, self._pool

    def _drop_pool(self) -> None:
        """断开旧池的连接，并让循环转几圈把它们收干净。"""
        if self._pool is not None and self._loop is not None:
            self._pool.close()
            self._loop.run_until_complete(_turns())
            self._pool = None

    def _ended(self, connection: Connection, exchange: Exchange) -> None:
        """线上的消息转给当前的跑动。"""
        if self._stint is not None:
            self._stint.ended(connection, exchange)

    def _health(self, share: Share, stint: Stint) -> WorkerHealth:
        """自证。"""
        assert self._pool is not None  # noqa: S101 prepare 过
        return WorkerHealth(
            worker=share.worker,
            node=platform.node(),
            wall_s=self._vitals.wall_s,
            cpu_share=self._vitals.cpu_share,
            loop_lag_p99_s=self._vitals.lag_p99_s(),
            loop_lag_max_s=self._vitals.lag_max_s(),
            permits_asked=stint.pace.asked,
            permits_delivered=stint.pace.delivered,
            connections_opened=self._pool.opened,
            requests_issued=stint.counters().issued,
            retries=stint.retries,
            clock=CLOCK,
            connections_dropped=self._pool.dropped,
            permits_peak=share.schedule.peak,
        )


def _rehearse(share: Share) -> None:
    """把解读与成行走一遍：pyarrow 首次转换会导入 pandas，那三百毫秒不能落在测量里。"""
    exchange = Exchange(b"", "", 0, "warmup")
    reply = b'HTTP/1.1 200 OK\r\n\r\ndata: {"choices":[{"delta":{"content":"1"}}]}\n\n'
    reads = [(1.0, reply), (2.0, b'data: {"choices":[{"delta":{"content":"2"}}]}\n\n')]
    rows = Rows(share, 0.0, 0.0)
    rows.add(exchange, interpret(reads, 0.0, Ending.COMPLETE, 3.0))
    rows.table()


async def _turns() -> None:
    """让循环转几圈。"""
    for _ in range(3):
        await asyncio.sleep(0)


def _exchanges(share: Share) -> tuple[list[Exchange], list[Exchange]]:
    """造好这一份的（预热，测量）请求；请求号在一次运行里独一无二。"""
    writer = RequestWriter(share)
    mark = hashlib.blake2b(share.salt.encode(), digest_size=6).hexdigest()

    def build(phase: str, indices: Iterable[int]) -> list[Exchange]:
        """一个阶段的请求，按序号。"""
        return [
            Exchange(
                writer.write(write_prompt(share, phase, index), request_id),
                request_id,
                index,
                phase,
            )
            for index in indices
            for request_id in [f"{mark}-e{share.epoch}-{phase[0]}{index}"]
        ]

    return (
        build("warmup", share.warmup_indices()),
        build("measured", share.measured_indices()),
    )
