"""热路径：自己的套接字上的 asyncio.Protocol；循环里只盖戳、收字节、找回复的边界。"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from time import perf_counter
from typing import cast

from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import Ending
from rayeval.perf.framing import BadHTTP
from rayeval.perf.target import Target

CONNECT_TIMEOUT_S = 10.0
"""连接（含 TLS 握手）的时限，秒。"""
_DIALS_AT_ONCE = 64
"""备连接时同时拨多少个：再多会挤爆对端的 listen 队列，等来一秒的 SYN 重传。"""

Ended = Callable[["Connection", Exchange], None]


class Connection(asyncio.Protocol):
    """一条连接，一次一个请求；请求结束时调用 `on_end`。"""

    __slots__ = ("_exchange", "_on_end", "_sock", "_transport", "lost", "served", "warm")

    def __init__(self, on_end: Ended, sock: socket.socket | None) -> None:
        """`sock` 是明文连接自己的套接字，TLS 时为 None。"""
        self._on_end = on_end
        self._sock = sock
        self._transport: asyncio.Transport | None = None
        self._exchange: Exchange | None = None
        self.served = 0
        self.warm = False
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """连上了。"""
        self._transport = cast(asyncio.Transport, transport)  # uvloop 的不是它的子类

    def send(self, exchange: Exchange) -> None:
        """盖 t0，写出请求。

        明文时直接写套接字：transport 的写要等这一轮回调都跑完才出去，
        并发大时 t0 会早得离谱；上一个请求早已写完，不会插队。
        """
        assert self._transport is not None  # noqa: S101 连上了才会来
        self._exchange = exchange
        exchange.reused = self.served > 0
        self.served += 1
        exchange.t0_s = perf_counter()
        sent = 0
        if self._sock is not None:
            try:
                sent = self._sock.send(exchange.payload)
            except BlockingIOError:
                pass
            except OSError as error:
                self._finish(Ending.RESET, str(error))
                return
        if sent < len(exchange.payload):
            self._transport.write(memoryview(exchange.payload)[sent:])

    def data_received(self, data: bytes) -> None:
        """盖戳，收下；没有请求在等时来的字节说明对端乱了，断掉。"""
        now = perf_counter()
        exchange = self._exchange
        if exchange is None:
            self.abort()
            return
        exchange.reads.append((now, data))
        try:
            exchange.framer.feed(data)
        except BadHTTP as error:
            self._finish(Ending.BAD_HTTP, str(error))
            return
        if exchange.framer.ended:
            self._finish(Ending.COMPLETE, at_s=now)

    def eof_received(self) -> bool:
        """对端不再发；返回 False 让 transport 关掉自己。"""
        exchange = self._exchange
        self.lost = True
        if exchange is not None:
            whole = exchange.framer.close()
            self._finish(Ending.COMPLETE if whole else Ending.CLOSED)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """连接没了。"""
        self.lost = True
        detail = "" if exc is None else (str(exc) or type(exc).__name__)
        self._finish(Ending.CLOSED if exc is None else Ending.RESET, detail)

    def abort(self, ending: Ending | None = None, detail: str = "") -> None:
        """立刻断开；有请求在等时它以 `ending` 结束。"""
        self.lost = True
        if self._transport is not None:
            self._transport.abort()
        if ending is not None:
            self._finish(ending, detail)

    @property
    def usable(self) -> bool:
        """还能再发一个请求。"""
        return not self.lost and self._transport is not None and not self._transport.is_closing()

    def _finish(self, ending: Ending, detail: str = "", at_s: float | None = None) -> None:
        """当前请求结束；没有请求时无事。"""
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            exchange.end(ending, perf_counter() if at_s is None else at_s, detail)
            self._on_end(self, exchange)


class Pool:
    """到一个地址的连接：备好的在 `_idle`，后进先出；借出的归借者管。

    `opened` 是开过的连接数，`dropped` 是断掉的；在途请求多少，连接就多少，没有暗藏的队列。
    """

    def __init__(self, target: Target, on_end: Ended) -> None:
        """还没有连接。"""
        self.target = target
        self.opened = 0
        self.dropped = 0
        self._on_end = on_end
        self._idle: list[Connection] = []
        self._tls = ssl.create_default_context() if target.tls else None

    async def fill(self, number: int) -> None:
        """让备好的连接恰为 `number` 条；连不上就此作罢，留给测量去记。"""
        self._idle = [connection for connection in self._idle if connection.usable]
        while len(self._idle) > number:
            self._idle.pop(0).abort()
        failed = False
        while len(self._idle) < number and not failed:
            batch = min(_DIALS_AT_ONCE, number - len(self._idle))
            dials = [self.dial() for _ in range(batch)]
            for result in await asyncio.gather(*dials, return_exceptions=True):
                if isinstance(result, Connection):
                    result.warm = True
                    self._idle.append(result)
                elif isinstance(result, (OSError, TimeoutError)):
                    failed = True
                else:
                    raise result

    def take(self) -> Connection | None:
        """借一条备好的连接；没有则 None。"""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            self.dropped += 1
        return None

    def give(self, connection: Connection, *, reusable: bool) -> None:
        """还一条连接；不能再用的就断开。"""
        if reusable and connection.usable:
            connection.warm = True
            self._idle.append(connection)
        else:
            self.dropped += 1
            connection.abort()

    async def dial(self) -> Connection:
        """新开一条连接，十秒为限；失败抛 OSError 或 TimeoutError，话里有地址与修法。"""
        where = self.target.where
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                return await self._dial()
        except TimeoutError:
            msg = f"connect to {where} took longer than {CONNECT_TIMEOUT_S:g} s; is it reachable?"
            raise TimeoutError(msg) from None
        except ssl.SSLError as error:
            msg = f"TLS with {where} failed: {error}; set SSL_CERT_FILE for a private CA"
            raise OSError(msg) from error
        except OSError as error:
            msg = f"can't connect to {where}: {error}; check base_url and that it is up"
            raise OSError(msg) from error

    async def _dial(self) -> Connection:
        """逐个地址地试。"""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.target.host, self.target.port, type=socket.SOCK_STREAM)
        trouble: OSError = OSError("no address found")
        for family, kind, proto, _, address in found:
            sock = socket.socket(family, kind, proto)
            try:
                sock.setblocking(False)  # noqa: FBT003 标准库的签名
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                await loop.sock_connect(sock, address)
                return await self._attach(loop, sock)
            except OSError as error:
                sock.close()
                trouble = error
            except BaseException:
                sock.close()
                raise
        raise trouble

    async def _attach(self, loop: asyncio.AbstractEventLoop, sock: socket.socket) -> Connection:
        """把连上的套接字交给循环，需要时做 TLS 握手。"""
        name = self.target.host if self._tls else None
        _, connection = await loop.create_connection(
            lambda: Connection(self._on_end, None if self._tls else sock),
            sock=sock,
            ssl=self._tls,
            server_hostname=name,
        )
        self.opened += 1
        return connection

    def close(self) -> None:
        """断开备好的全部连接。"""
        while self._idle:
            self._idle.pop().abort()
