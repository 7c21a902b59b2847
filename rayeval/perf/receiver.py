"""收：读一次套接字，盖上到达的戳，交给这个请求去读懂。热路径的最里一圈。"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from time import perf_counter

from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import Ending
from rayeval.perf.poller import Poller
from rayeval.perf.pool import Pool
from rayeval.perf.stamps import DOUBT_S, NOTES, SYNC_S, Wall
from rayeval.perf.wire import Connection

_READ_SIZE = 65536
"""一次读的上限，字节：一个寻常的回答装得下，申请又便宜。"""

Arrived = Callable[[Connection, Exchange, float], None]
"""（连接，请求，最后一次读的戳）：回答完整了，或已不可救药。"""
Lost = Callable[[Connection, Exchange | None, Ending, str], None]
"""（连接，请求，怎么没的，原话）：连接没了。"""


class Receiver:
    """一个循环的收件人。`lags` 收下每次读晚了多少，秒。"""

    def __init__(
        self, pool: Pool, poller: Poller, lags: list[float], arrived: Arrived, lost: Lost
    ) -> None:
        """结果由两个回调交出去。"""
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
        stamp = self._wall.stamp(notes[0][2]) if notes else now
        lag = now - stamp
        if not notes or self._suspect or not 0.0 <= lag < DOUBT_S:
            stamp, lag = self._doubtful(exchange, stamp, now, noted=bool(notes and data))
        self._lags.append(lag)
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
        elif exchange.hasty and not reading.waiting:
            exchange.hasty = False
            self._poller.settle(connection.fd)

    def _doubtful(
        self, exchange: Exchange | None, stamp: float, now: float, *, noted: bool
    ) -> tuple[float, float]:
        """没有戳、或戳与时钟对不上：（用作戳的时刻，迟到）。

        对一次钟，墙钟没被拨过而戳只是旧（循环卡了一秒以上），仍信它；
        否则用读到的时刻，这个请求不再算全程有内核的戳。
        """
        lag = now - stamp
        if noted and not self._suspect and not self._wall.sync(now):
            return (stamp, lag) if lag >= 0 else (now, 0.0)  # 对钟的误差有几微秒
        if exchange is not None:
            exchange.kernel = False
        return now, now - self._woke

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
