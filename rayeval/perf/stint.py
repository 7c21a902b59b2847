"""跑一份负载：该发就发，完了就接着发，读到的字节空下来再解读。全在一个循环的线程里。"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterator
from time import perf_counter, time

from rayeval.domain.load import Counters, Share
from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import Ending
from rayeval.perf.interpret import Reading
from rayeval.perf.pace import Pace
from rayeval.perf.rows import Rows
from rayeval.perf.wire import Connection, Pool

_READS_A_STEP = 32
"""每一口解读的读数：约四分之一毫秒，之后先让循环去收字节。"""
_BACKLOG = 200_000
"""攒着未解读的读数上限（约 64 MB）；再多就一口气解读到此数，内存有界。"""


class Stint:
    """一份负载的一次跑动；只在循环的线程里用，`counters` 除外。"""

    def __init__(
        self, share: Share, exchanges: tuple[list[Exchange], list[Exchange]], pool: Pool
    ) -> None:
        """`exchanges` 是造好的（预热，测量）请求，按次序。"""
        warm, measured = exchanges
        self._share = share
        self._queues = {"warmup": iter(warm), "measured": iter(measured)}
        self._pool = pool
        self.pace = Pace(share.schedule, len(warm), len(measured))
        self.rows = Rows(share, 0.0, 0.0)
        self.retries = 0
        self._live: dict[Exchange, Connection | None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._backlog: deque[Exchange] = deque()
        self._digest: Iterator[None] | None = None
        self._issued = self._done = self._failed = self._tokens = self._unread = 0
        self._timer: asyncio.TimerHandle | None = None
        self._pumping = self._cancelled = False
        self._finished = asyncio.Event()
        self._error: BaseException | None = None

    async def run(self) -> None:
        """发完、等完、解读完才返回。"""
        self._loop = asyncio.get_running_loop()
        self.rows = Rows(self._share, perf_counter(), time())
        self._pump()
        await self._finished.wait()
        if self._timer is not None:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._error is not None:
            raise self._error

    def counters(self) -> Counters:
        """此刻的计数；可从别的线程读。"""
        return Counters(self._issued, self._done, self._failed, self.pace.in_flight, self._tokens)

    def cancel(self) -> None:
        """不再发；断开在途的，它们的行记为 cancelled。"""
        self._cancelled = True
        self.pace.stop(perf_counter())
        for exchange, connection in list(self._live.items()):
            self._cut(exchange, connection, Ending.CANCELLED, "cut by us")
        self._pump()

    def _pump(self) -> None:
        """许可有空就发，发到不能发为止；再定下许可变化时回来。"""
        if self._pumping:
            return
        self._pumping = True
        now = perf_counter()
        while (phase := self.pace.next_phase(now)) is not None:
            exchange = next(self._queues["warmup" if phase == "warmup" else "measured"])
            exchange.phase = phase
            self.pace.issue(phase, now)
            self._issued += 1
            self._issue(exchange)
            now = perf_counter()
        self._pumping = False
        self._arm(now)
        self._settle()

    def _arm(self, now: float) -> None:
        """许可会变就定一个闹钟；已定着就不动，到时自会重定。"""
        if self._timer is None and (delay := self.pace.next_change(now)) is not None:
            self._timer = self._loop.call_later(delay + 0.0005, self._on_timer)

    def _on_timer(self) -> None:
        """许可变了。"""
        self._timer = None
        self._pump()

    def _issue(self, exchange: Exchange) -> None:
        """发一个：有备好的连接就当场发，没有就先连。"""
        exchange.t0_s = perf_counter()
        exchange.timer = self._loop.call_later(
            self._share.spec.timeout_s, self._on_timeout, exchange
        )
        connection = self._pool.take()
        self._live[exchange] = connection
        if connection is None:
            self._spawn(exchange)
        else:
            connection.send(exchange)

    def _spawn(self, exchange: Exchange) -> None:
        """另起任务去连。"""
        task = self._loop.create_task(self._dial(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._dialled)

    def _dialled(self, task: asyncio.Task[None]) -> None:
        """连接任务完了；我们自己的差错让整份跑动失败，不能让它悄悄少一个请求。"""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._error = error
            self._finished.set()

    async def _dial(self, exchange: Exchange) -> None:
        """连上就发；连不上就是 connect 失败；其间已被放弃则把连接留给别人。"""
        try:
            connection = await self._pool.dial()
        except (OSError, TimeoutError) as error:
            if exchange.ending is None:
                exchange.end(Ending.CONNECT, perf_counter(), str(error))
                self._close_books(exchange)
            return
        if exchange.ending is not None:
            self._pool.give(connection, reusable=not self._cancelled)
            return
        self._live[exchange] = connection
        connection.send(exchange)

    def ended(self, connection: Connection, exchange: Exchange) -> None:
        """线上说一个请求结束了：归还连接，该重发的重发，否则接着发下一个。

        只有留着的连接悄悄断了、一个字节的回答也没来，才在新连接上重发一次：
        那是保活的竞态，服务并没有动手。
        """
        stale = exchange.ending in (Ending.CLOSED, Ending.RESET) and not exchange.reads
        fresh = not connection.warm
        self._pool.give(connection, reusable=exchange.framer.reusable)
        if stale and not fresh and not self._cancelled:
            exchange.ending = None
            exchange.detail = ""
            exchange.retries = 1
            self.retries += 1
            self._live[exchange] = None
            self._spawn(exchange)
            return
        self._close_books(exchange)

    def _on_timeout(self, exchange: Exchange) -> None:
        """一个请求到了总时限。"""
        limit = f"no complete answer within {self._share.spec.timeout_s:g} s"
        self._cut(exchange, self._live.get(exchange), Ending.TIMEOUT, limit)

    def _cut(
        self, exchange: Exchange, connection: Connection | None, ending: Ending, why: str
    ) -> None:
        """从我们这边断掉一个在途请求；还在连接的先记账，连接任务自会看到。"""
        if connection is not None:
            connection.abort(ending, why)
        elif exchange.ending is None:
            exchange.end(ending, perf_counter(), why)
            self._close_books(exchange)

    def _close_books(self, exchange: Exchange) -> None:
        """一个请求了结：先让下一个上路，再排队等解读。"""
        if exchange.timer is not None:
            exchange.timer.cancel()
            exchange.timer = None
        self._live.pop(exchange, None)
        self.pace.end(perf_counter())
        self._backlog.append(exchange)
        self._unread += len(exchange.reads)
        self._pump()
        if self._digest is None:
            self._digest = self._digesting()
            self._loop.call_soon(self._chew)

    def _chew(self) -> None:
        """解读一口，然后让循环先去收字节；积压太多时多嚼几口。"""
        assert self._digest is not None  # noqa: S101 排了队才会来
        for _ in self._digest:
            if self._unread <= _BACKLOG:
                self._loop.call_soon(self._chew)
                return
        self._digest = None
        self._settle()

    def _digesting(self) -> Iterator[None]:
        """逐个解读积压，每满一口让出一次。"""
        budget = _READS_A_STEP
        while self._backlog:
            exchange = self._backlog.popleft()
            reading = Reading(exchange.t0_s)
            for stamp_s, data in exchange.reads:
                reading.feed(stamp_s, data)
                budget -= 1
                if budget <= 0:
                    yield
                    budget = _READS_A_STEP
            self._record(exchange, reading)
            budget -= 4  # 成行也要时间
            if budget <= 0:
                yield
                budget = _READS_A_STEP

    def _record(self, exchange: Exchange, reading: Reading) -> None:
        """解读完的一个变成一行，字节随即放掉。"""
        assert exchange.ending is not None  # noqa: S101 结束了才会来
        meaning = reading.finish(exchange.ending, exchange.end_s, exchange.detail)
        self.rows.add(exchange, meaning)
        self._unread -= len(exchange.reads)
        exchange.reads.clear()
        exchange.payload = b""
        self._done += 1
        self._failed += meaning.error_class is not None
        self._tokens += meaning.completion_tokens or 0

    def _settle(self) -> None:
        """全部了结了吗。"""
        resting = self._digest is None and not self._backlog
        if resting and self.pace.exhausted and not self._live:
            self._finished.set()
