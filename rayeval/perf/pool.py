"""到一个地址的连接：备好的后进先出，借出的归借者管；在途多少连接就多少，没有暗藏的队列。"""

from __future__ import annotations

import select
from collections.abc import Callable

from rayeval.perf.dial import Dialer
from rayeval.perf.exchange import Exchange
from rayeval.perf.poller import READ, WRITE, Poller
from rayeval.perf.target import Target
from rayeval.perf.wire import Connection

Dialled = Callable[[Exchange, Connection | None, str], None]
"""一个等着连接的请求有了结果：连接，或失败的话。"""


class Pool:
    """连接的家。`opened` 是开过的连接数，`dropped` 是断掉的。"""

    def __init__(self, target: Target, poller: Poller, connect_timeout_s: float) -> None:
        """还没有连接。"""
        self.dialer = Dialer(target, poller, connect_timeout_s)
        self.connections: dict[int, Connection] = {}
        self.dropped = 0
        self._poller = poller
        self._idle: list[Connection] = []

    @property
    def opened(self) -> int:
        """开过的连接数。"""
        return self.dialer.opened

    def reset(self) -> None:
        """新的一轮，重新数起。"""
        self.dialer.opened = self.dropped = 0

    def fill(self, number: int) -> str:
        """让备好的连接恰为 `number` 条；返回查不到地址的话。连不上就此作罢，留给测量去记。"""
        trouble = self.dialer.resolve()
        self._idle = [connection for connection in self._idle if self._sound(connection)]
        while len(self._idle) > number:
            self.drop(self._idle.pop(0), count=False)
        if trouble:
            return trouble
        for connection in self.dialer.fill(number - len(self._idle)):
            self.connections[connection.fd] = connection
            connection.warm = True
            self._idle.append(connection)
        return ""

    def take(self) -> Connection | None:
        """借一条备好的连接；没有则 None。"""
        return self._idle.pop() if self._idle else None

    def give(self, connection: Connection, *, reusable: bool) -> None:
        """还一条连接；不能再用的就断开。"""
        connection.exchange = None
        if reusable and not connection.outbox:
            connection.warm = True
            self._idle.append(connection)
        else:
            self.drop(connection)

    def drop(self, connection: Connection, *, count: bool = True) -> None:
        """断开一条，不论它在谁手里。"""
        if self.connections.pop(connection.fd, None) is None:
            return
        if connection in self._idle:
            self._idle.remove(connection)
        self.dropped += count
        self._poller.forget(connection.fd)
        connection.close()

    def step(self, fd: int, dialled: Dialled) -> None:
        """一个还在拨的套接字有事了。"""
        dial = self.dialer.dials.get(fd)
        if dial is None:
            return
        connection, trouble = self.dialer.step(dial)
        if connection is not None:
            self.connections[connection.fd] = connection
            if dial.exchange is None:
                self._idle.append(connection)
            else:
                dialled(dial.exchange, connection, "")
        elif trouble and dial.exchange is not None:
            dialled(dial.exchange, None, trouble)

    def overdue(self, now: float, dialled: Dialled) -> None:
        """拨得太久的算连不上。"""
        for dial in self.dialer.overdue(now):
            trouble = self.dialer.late(dial)
            if dial.exchange is not None:
                dialled(dial.exchange, None, trouble)

    def attend(self, connection: Connection) -> None:
        """有没写完的就也等可写，写完了就只等可读。"""
        self._poller.change(connection.fd, READ | WRITE if connection.outbox else READ)

    def close(self) -> None:
        """断开全部。"""
        self.dialer.close()
        for connection in list(self.connections.values()):
            self.drop(connection, count=False)

    def _sound(self, connection: Connection) -> bool:
        """留着的连接还好：没有断，也没有不该来的字节。"""
        look = select.poll()
        look.register(connection.fd, select.POLLIN)
        if look.poll(0):
            self.drop(connection, count=False)
            return False
        return True
