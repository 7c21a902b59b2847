"""跑一份负载：该发就发，读到就盖戳、读懂，完了就接着发。一个线程，一个等待的循环。"""

from __future__ import annotations

from math import inf
from time import perf_counter, time

from rayeval.domain.load import Counters, Share
from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import Ending
from rayeval.perf.feeder import TOP_UP, Feeder
from rayeval.perf.limits import Limits
from rayeval.perf.pace import Pace
from rayeval.perf.poller import WRITE, Poller
from rayeval.perf.pool import Pool
from rayeval.perf.receiver import Receiver
from rayeval.perf.rows import Rows
from rayeval.perf.supply import Supply
from rayeval.perf.vitals import Vitals
from rayeval.perf.wire import Connection

_SENDS_A_TURN = 64
"""一口气至多发这么多个：一两毫秒。"""
_RIPE_BITE = 8
"""空闲时一口成这么多行：约百微秒。"""
_RIPE_MOST = 1024
"""了结而还没成行的上限：一直没有空闲，也得腾出内存。"""


class Stint:
    """一份负载的一次跑动；只在循环的线程里用，`counters` 与 `cancel` 除外。"""

    def __init__(
        self,
        share: Share,
        feeder: Feeder,
        pace: Pace,
        *,
        pool: Pool,
        poller: Poller,
        vitals: Vitals,
        supply: Supply | None = None,
    ) -> None:
        """零件都已备好；独自一个时没有货源，一切预先分好。"""
        self._feeder = feeder
        self._pool = pool
        self._poller = poller
        self._vitals = vitals
        self._share = share
        self._supply = supply
        self._limits = Limits(share.spec)
        self.pace = pace
        self.rows = Rows(share, 0.0, 0.0)
        self.began_s = 0.0
        self.retries = 0
        self._live: set[Exchange] = set()
        self._ripe: list[Exchange] = []
        self._receiver = Receiver(
            pool,
            poller,
            vitals.lags,
            self._arrived,
            self._lost,
            output_length=share.cell.output_length,
        )
        self._sweep_at = inf
        self._busy = True
        self.kernel = True
        self._issued = self._done = self._failed = self._tokens = 0
        self._cancelled = self._stopped = False

    def run(self) -> None:
        """发完、等完、读懂才返回。"""
        self.began_s = perf_counter()
        self.rows = Rows(self._share, self.began_s, time())
        while True:
            if self._cancelled and not self._stopped:
                self._stop()
            if self._supply is not None:
                self._supply.tend(perf_counter())
            self._pump()
            if not self._live and self.pace.exhausted:
                self._record(len(self._ripe))
                return
            if len(self._ripe) >= _RIPE_MOST:
                self._record(_RIPE_MOST // 2)
            self._turn()

    def _turn(self) -> None:
        """一轮：等到有事，一件件做；没有事就做些可以等的。"""
        due = self._due()
        events = self._poller.wait(None if due == inf else max(0.0, due - perf_counter()))
        woke = perf_counter()
        self._receiver.awake(woke)
        if not events:
            if not self._busy:
                self._vitals.late(woke - due)
            self._idle()
        connections, read = self._pool.connections, self._receiver.read
        for fd, mask in events:
            connection = connections.get(fd)
            if connection is None:
                self._pool.step(fd, self._dialled)
                continue
            if mask & WRITE:
                self._write(connection)
            if mask != WRITE:
                read(connection)
        if woke >= self._sweep_at:
            self._sweep(woke)
        self._vitals.spent(perf_counter() - woke)

    def counters(self) -> Counters:
        """此刻的计数；可从别的线程读。"""
        pace = self.pace
        books = (self._issued, self._done, self._failed, pace.in_flight, self._tokens)
        return Counters(*books, pace.permits)

    def cancel(self) -> None:
        """不再发；断开在途的，它们的行记为 cancelled。任一线程可调用。"""
        self._cancelled = True
        self._poller.wake()

    def _due(self) -> float:
        """最晚等到哪一刻；有可以等的活时为此刻（先看一眼有没有事），无限期则为 inf。"""
        now = perf_counter()
        if self._busy:
            return now
        change = self.pace.next_change(now)
        due = self._sweep_at if self._supply is None else min(self._sweep_at, self._supply.due)
        return due if change is None else min(due, now + change)

    def _pump(self) -> None:
        """许可有空就发；一口发不完先去读一轮，免得开头的几千个请求挡住最早的回答。"""
        now = perf_counter()
        for _ in range(_SENDS_A_TURN):
            phase = self.pace.next_phase(now)
            if phase is None:
                return
            exchange = self._feeder.take()
            exchange.phase = phase
            exchange.scheduled_s = self.pace.issue(phase, now)
            self._issued += 1
            self._live.add(exchange)
            connection = self._pool.take()
            if connection is None:
                self._dial(exchange, now)
            else:
                self._send(connection, exchange)
            now = perf_counter()
        self._busy = True

    def _dial(self, exchange: Exchange, now: float) -> None:
        """没有备好的连接，先连。"""
        exchange.depart(now)
        self._watch_limits(min(now + self._limits.shortest, now + self._pool.dialer.timeout_s))
        trouble = self._pool.dialer.start(exchange)
        if trouble:
            self._close_books(exchange, Ending.CONNECT, now, trouble)

    def _dialled(self, exchange: Exchange, connection: Connection | None, trouble: str) -> None:
        """拨号有了结果；其间已被放弃的请求早记过账，把连接留给别人。"""
        if connection is None and exchange.ending is not None:
            return
        if connection is None:
            self._close_books(exchange, Ending.CONNECT, perf_counter(), trouble)
        elif exchange.ending is not None:
            self._pool.give(connection, reusable=not self._cancelled)
        else:
            self._send(connection, exchange)

    def _send(self, connection: Connection, exchange: Exchange) -> None:
        """发出去。"""
        try:
            whole = connection.send(exchange)
        except OSError as error:
            self._lost(connection, exchange, Ending.RESET, str(error))
            return
        self._watch_limits(exchange.t0_s + self._limits.shortest)
        if not whole:
            self._pool.attend(connection)
        elif self._poller.tiered:
            exchange.hasty = True
            self._poller.hasten(connection.fd)

    def _write(self, connection: Connection) -> None:
        """接着写没写完的。"""
        try:
            if connection.flush():
                self._pool.attend(connection)
        except OSError as error:
            if connection.exchange is not None:
                self._lost(connection, connection.exchange, Ending.RESET, str(error))

    def _arrived(self, connection: Connection, exchange: Exchange, stamp: float) -> None:
        """回答完整了（或不可救药）：归还连接，马上发下一个，再排队成行。"""
        broken = exchange.reading.broken
        if broken is None:
            ending, detail = Ending.COMPLETE, ""
        else:
            ending, detail = Ending.BAD_HTTP, broken
        self._release(connection, exchange, reusable=exchange.reading.reusable)
        self._close_books(exchange, ending, stamp, detail)
        self._pump()

    def _lost(
        self, connection: Connection, exchange: Exchange | None, ending: Ending, why: str
    ) -> None:
        """连接没了。只有留着的连接悄悄断了、一个字节的回答也没来，才在新连接上重发一次：
        那是保活的竞态，服务并没有动手。以关闭为界的回答到此完整。
        """
        if exchange is None:
            self._pool.drop(connection)
            return
        now = perf_counter()
        reading = exchange.reading
        stale = reading.last_s is None and connection.warm and not exchange.retries
        self._release(connection, exchange, reusable=False)
        if stale and not self._cancelled and ending is not Ending.BAD_HTTP:
            exchange.retries = 1
            self.retries += 1
            self._live.add(exchange)
            self._dial(exchange, now)
            return
        if ending is Ending.CLOSED and reading.closed():
            ending = Ending.COMPLETE
        self._close_books(exchange, ending, now, why)

    def _release(self, connection: Connection, exchange: Exchange, *, reusable: bool) -> None:
        """请求与连接分手。"""
        exchange.connection = None
        if exchange.hasty:
            exchange.hasty = False
            self._poller.settle(connection.fd)
        self._pool.give(connection, reusable=reusable)

    def _close_books(self, exchange: Exchange, ending: Ending, now: float, why: str = "") -> None:
        """一个请求了结：空出许可，排队成行。"""
        exchange.end(ending, now, why)
        self._live.discard(exchange)
        self.pace.end(perf_counter())
        self._ripe.append(exchange)
        self._busy = True

    def _record(self, number: int) -> None:
        """最早了结的 `number` 个变成行，字节随即放掉。"""
        ripe, self._ripe = self._ripe[:number], self._ripe[number:]
        for exchange in ripe:
            assert exchange.ending is not None  # noqa: S101 结束了才会来
            meaning = exchange.reading.finish(exchange.ending, exchange.end_s, exchange.detail)
            self.rows.add(exchange, meaning)
            self.kernel = self.kernel and exchange.kernel
            self._done += 1
            self._failed += meaning.error_class is not None
            self._tokens += meaning.completion_tokens or 0
        if self.rows.overdue:
            self.rows.flush()
            self._vitals.spill()

    def _idle(self) -> None:
        """没有事件时做些可以等的，一次一口：成行、成列、归拢自量、补造请求。"""
        if self._ripe:
            self._record(_RIPE_BITE)
        elif self.rows.ripe:
            self.rows.flush()
        else:
            self._vitals.spill()
            self._busy = self._feeder.stock(TOP_UP)

    def _watch_limits(self, deadline: float) -> None:
        """最早的期限可能提前了。"""
        self._sweep_at = min(self._sweep_at, deadline)

    def _sweep(self, now: float) -> None:
        """到了最早的期限：看看谁真的到了，定下一次。"""
        self._pool.overdue(now, self._dialled)
        soonest = min((d.deadline for d in self._pool.dialer.dials.values()), default=inf)
        for exchange in list(self._live):
            deadline, words = self._limits.deadline(exchange)
            if deadline <= now:
                self._cut(exchange, Ending.TIMEOUT, words)
            else:
                soonest = min(soonest, deadline)
        self._sweep_at = min(soonest, now + self._limits.shortest) if self._live else inf

    def _cut(self, exchange: Exchange, ending: Ending, why: str) -> None:
        """从我们这边断掉一个在途请求；还在拨号的先记账，拨号有了结果自会看到。"""
        if exchange.connection is not None:
            self._release(exchange.connection, exchange, reusable=False)
        self._close_books(exchange, ending, perf_counter(), why)

    def _stop(self) -> None:
        """叫停：剩下的不发，在途的断开。"""
        self._stopped = True
        self.pace.stop(perf_counter())
        for exchange in list(self._live):
            self._cut(exchange, Ending.CANCELLED, "cut by us")
