"""拨号：不等待地连上、握手；连不上的说清楚连哪里、为什么、怎么修。"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections import deque
from time import perf_counter
from typing import Any

from rayeval.perf.exchange import Exchange
from rayeval.perf.poller import READ, WRITE, Poller
from rayeval.perf.stamps import ask_kernel
from rayeval.perf.target import Target
from rayeval.perf.tls import Tls
from rayeval.perf.wire import Connection

_READ = 65536
_DIALS_AT_ONCE = 64
"""备连接时同时拨多少个：再多会挤爆对端的 listen 队列，等来一秒的 SYN 重传。"""


class Dial:
    """一次拨号：还没连上的套接字，与等着它的请求（备连接时没有）。"""

    __slots__ = ("deadline", "exchange", "kernel", "places", "shaken", "sock", "tls", "trouble")

    def __init__(self, places: deque[Any], deadline: float, exchange: Exchange | None) -> None:
        """`places` 是还没试过的地址。"""
        self.places = places
        self.deadline = deadline
        self.exchange = exchange
        self.sock: socket.socket | None = None
        self.tls: Tls | None = None
        self.shaken = False
        self.kernel = False
        self.trouble = "no address found"


class Dialer:
    """向一个目标拨号。地址在 `resolve` 时查一次；拨号的进展由循环的事件推动。"""

    def __init__(self, target: Target, poller: Poller, timeout_s: float) -> None:
        """`timeout_s` 是连接（含握手）的时限。"""
        self.target = target
        self.timeout_s = timeout_s
        self.dials: dict[int, Dial] = {}
        self.opened = 0
        self._poller = poller
        self._places: list[Any] = []
        self._context = ssl.create_default_context() if target.tls else None

    def resolve(self) -> str:
        """查地址；返回查不到的原因，查到了为空。"""
        try:
            self._places = socket.getaddrinfo(
                self.target.host, self.target.port, type=socket.SOCK_STREAM
            )
        except (OSError, UnicodeError) as error:
            return f"can't resolve {self.target.host}: {error}; check base_url"
        return ""

    def start(self, exchange: Exchange | None) -> str:
        """拨一个；返回当场就知道的失败，否则为空。"""
        deadline = perf_counter() + self.timeout_s
        return self._next(Dial(deque(self._places), deadline, exchange))

    def step(self, dial: Dial) -> tuple[Connection | None, str]:
        """套接字有事了：（连好的连接，失败的话）；两者皆空就再等。"""
        sock = dial.sock
        assert sock is not None  # noqa: S101 在看的都有套接字
        if not dial.shaken:
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                dial.trouble = os.strerror(code)
                return None, self._next(dial)
            if not _connected(sock):
                return None, ""  # 同一个描述符上一任的旧消息
            dial.shaken = True
            if self._context is not None:
                dial.tls = Tls(self._context, self.target.host)
        if dial.tls is not None:
            try:
                if not self._shake(dial, dial.tls):
                    return None, ""
            except (OSError, EOFError) as error:
                self.drop(dial)
                return None, self._tls_trouble(error)
        del self.dials[sock.fileno()]
        self._poller.change(sock.fileno(), READ)
        self.opened += 1
        return Connection(sock, dial.tls, kernel=dial.kernel), ""

    def late(self, dial: Dial) -> str:
        """拨得太久，放弃；返回怎么说。"""
        self.drop(dial)
        return (
            f"connect to {self.target.where} took longer than {self.timeout_s:g} s; "
            "is it reachable?"
        )

    def drop(self, dial: Dial) -> None:
        """放弃一次拨号。"""
        if dial.sock is not None:
            self._poller.forget(dial.sock.fileno())
            self.dials.pop(dial.sock.fileno(), None)
            dial.sock.close()
            dial.sock = None

    def fill(self, number: int) -> list[Connection]:
        """连好 `number` 条才返回；连不上就此作罢，少几条留给测量去记。"""
        ready: list[Connection] = []
        asked, failed = 0, False
        while len(ready) < number and not (failed and not self.dials):
            while asked < number and not failed and len(self.dials) < _DIALS_AT_ONCE:
                failed = bool(self.start(None))
                asked += 1
            soonest = min((dial.deadline for dial in self.dials.values()), default=0.0)
            for fd, _ in self._poller.wait(max(0.0, soonest - perf_counter())):
                dial = self.dials.get(fd)
                if dial is not None:
                    connection, trouble = self.step(dial)
                    failed = failed or bool(trouble)
                    if connection is not None:
                        ready.append(connection)
            for dial in self.overdue(perf_counter()):
                self.late(dial)
                failed = True
        return ready

    def overdue(self, now: float) -> list[Dial]:
        """拨得太久的。"""
        return [dial for dial in self.dials.values() if dial.deadline <= now]

    def close(self) -> None:
        """放弃全部拨号。"""
        for dial in list(self.dials.values()):
            self.drop(dial)

    def _next(self, dial: Dial) -> str:
        """试下一个地址；都不成则返回怎么说。"""
        self.drop(dial)
        while dial.places:
            family, kind, proto, _, address = dial.places.popleft()
            try:
                dial.sock = sock = socket.socket(family, kind, proto)
            except OSError as error:
                dial.trouble = str(error)
                continue
            dial.kernel = ask_kernel(sock)  # 连上之前就问：最早的字节也要有戳
            sock.setblocking(False)  # noqa: FBT003 标准库的签名
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            code = sock.connect_ex(address)
            if code in (0, errno.EINPROGRESS):
                dial.shaken = False
                self.dials[sock.fileno()] = dial
                self._poller.watch(sock.fileno(), WRITE)
                return ""
            dial.trouble = os.strerror(code)
            sock.close()
            dial.sock = None
        where = self.target.where
        return f"can't connect to {where}: {dial.trouble}; check base_url and that it is up"

    def _shake(self, dial: Dial, tls: Tls) -> bool:
        """握手的一步；返回是否完成。"""
        sock = dial.sock
        assert sock is not None  # noqa: S101 在看的都有套接字
        try:
            data = sock.recv(_READ)
            if not data:
                raise EOFError("the other side closed the connection during the handshake")
        except (BlockingIOError, InterruptedError):
            data = b""
        done, out = tls.shake(data)
        if out:
            sock.sendall(out)  # 握手的几百字节总装得下
        self._poller.change(sock.fileno(), READ)
        return done

    def _tls_trouble(self, error: BaseException) -> str:
        """握手失败怎么说。"""
        where = self.target.where
        return f"TLS with {where} failed: {error}; set SSL_CERT_FILE for a private CA"


def _connected(sock: socket.socket) -> bool:
    """真的连上了吗。"""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True
