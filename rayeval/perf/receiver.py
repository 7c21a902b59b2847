"""收：读一次套接字，盖上到达的戳，交给这个请求去读懂。热路径的最里一圈。"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from time import perf_counter

from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import Ending
from rayeval.perf.poller import Poller
from rayeval.perf.pool import Pool
from rayeval.perf.stamps import NOTES, SYNC_S, Wall
from rayeval.perf.wire import Connection

_READ_SIZE = 65536
"""一次读的上限，字节：一个寻常的回答装得下，申请又便宜。"""

_CLOCKS_DIFFER_S = 1e-4
"""对钟的误差，秒：戳比读到的时刻晚这么一点，就是同时。"""

_TICKETS_S = 1.0
"""TLS 的会话票据在请求上路之前就到了，随后才被读到：它的戳可以早这么多秒。"""

Arrived = Callable[[Connection, Exchange, float], None]
"""（连接，请求，最后一次读的戳）：回答完整了，或已不可救药。"""
Lost = Callable[[Connection, Exchange | None, Ending, str], None]
"""（连接，请求，怎么没的，原话）：连接没了。"""


class Receiver:
    """一个循环的收件人。`lags` 收下每次读晚了多少，秒。"""

    def __init__(
        self,
        pool: Pool,
        poller: Poller,
        lags: list[float],
        arrived: Arrived,
        lost: Lost,
        *,
        output_length: int,
    ) -> None:
        """结果由两个回调交出去；`output_length` 是要求的 token 数，快到时便急着读。"""
        self._tiers = poller.tiered
        self._near = max(2, output_length - 1)
        self._pool = pool
        self._poller = poller
        self._lags = lags
        self._arrived = arrived
        self._lost = lost
        self._wall = Wall()
        self._woke = 0.0
        self._suspect = False

    def awake(self, now: float) -> None:
        """一轮等待返回了：记下时刻，隔一会儿对一次钟；墙钟刚被拨过的这一轮不信内核的戳。"""
        self._woke = now
        self._suspect = now - self._wall.synced > SYNC_S and self._wall.sync(now)

    def read(self, connection: Connection) -> None:
        """读一次。没有内核的戳时以读到的时刻为戳，迟到从这一轮醒来算起。"""
        exchange = connection.exchange
        try:
            data, notes, _, _ = connection.recvmsg(_READ_SIZE, NOTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lost(connection, exchange, Ending.RESET, str(error))
            return
        now = perf_counter()
        stamp = self._wall.stamp(notes[0][2]) if notes else 0.0
        floor = now if exchange is None else exchange.last_s
        if connection.tls is not None:
            floor -= _TICKETS_S
        if self._suspect or not floor <= stamp <= now:
            stamp = self._doubtful(exchange, notes[0][2] if notes else b"", now)
        if exchange is not None:
            exchange.last_s = stamp
        self._lags.append(now - stamp if notes else now - self._woke)
        if connection.tls is not None:
            plain = self._decrypted(connection, data)
            if plain is None:
                return
            data = plain
        if not data or exchange is None:
            self._lost(connection, exchange, Ending.CLOSED, "")
            return
        reading = exchange.reading
        reading.feed(stamp, data)
        if reading.ended:
            self._arrived(connection, exchange, stamp)
        elif connection.tls is not None and connection.tls.closed:
            self._lost(connection, exchange, Ending.CLOSED, "")
        elif self._tiers and (exchange.hasty or reading.events >= self._near):
            self._rank(connection, exchange)

    def _rank(self, connection: Connection, exchange: Exchange) -> None:
        """排一排急缓：等首 token 的与就要完的先读，中间的不急。

        首 token 读晚了会与后面的合成一次读，戳不再是它的；结束读晚了，下一个请求就晚发。
        """
        reading = exchange.reading
        if not exchange.hasty:
            exchange.hasty = True
            self._poller.hasten(connection.fd)
        elif not reading.waiting and reading.events < self._near:
            exchange.hasty = False
            self._poller.settle(connection.fd)

    def _doubtful(self, exchange: Exchange | None, note: bytes, now: float) -> float:
        """没有戳，或戳在将来、比上一次读还早：该用作戳的时刻。

        先对一次钟，墙钟没被拨过而又说得通就还信它；否则用读到的时刻，
        这个请求不再算全程有内核的戳。
        """
        if exchange is None:
            return now
        if note and not self._suspect and not self._wall.sync(now):
            stamp = self._wall.stamp(note)
            if exchange.last_s <= stamp < now + _CLOCKS_DIFFER_S:
                return min(stamp, now)
        exchange.kernel = False
        return now

    def _decrypted(self, connection: Connection, data: bytes) -> bytes | None:
        """密文 → 明文；还凑不出明文、或已经按出错处理过则为 None，对端告别则为空。"""
        tls = connection.tls
        assert tls is not None  # noqa: S101 调用者看过
        try:
            plain = tls.decrypt(data) if data else b""
            out = tls.reply()
            if out and not connection.flush(out):
                self._pool.attend(connection)
        except (OSError, ssl.SSLError) as error:
            self._lost(connection, connection.exchange, Ending.RESET, f"TLS: {error}")
            return None
        return plain if plain or not data or tls.closed else None
