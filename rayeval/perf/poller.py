"""等套接字：Linux 上是 epoll，急的流另有一个集合，总是先读；别处用 selectors。"""

from __future__ import annotations

import os
import select
import selectors
import socket
import sys
from contextlib import suppress
from typing import Protocol

READ, WRITE = 1, 4
"""事件的位，同 EPOLLIN 与 EPOLLOUT；别的位（出错、挂断）按可读处理。"""
_BATCH = 256
_HASTY = 256
_SMALL = 32
"""分两级时一轮至多读这么多个急的、这么多个不急的：急的先读，不急的也不会一直等。"""
_FINE_S = 0.02
"""比这短的等待用 select 的微秒精度：epoll 只有毫秒，会晚发。"""
_SELECT_MAX = 1024

Events = list[tuple[int, int]]


class Poller(Protocol):
    """等哪些套接字可以读写；`tiered` 为真时分急缓两级。"""

    tiered: bool

    def watch(self, fd: int, mask: int) -> None:
        """开始看一个。"""
        ...

    def change(self, fd: int, mask: int) -> None:
        """改看什么。"""
        ...

    def hasten(self, fd: int) -> None:
        """这个流急：先读它。"""
        ...

    def settle(self, fd: int) -> None:
        """不急了，回到寻常的一级。"""
        ...

    def forget(self, fd: int) -> None:
        """不再看。"""
        ...

    def wait(self, timeout_s: float | None) -> Events:
        """等到有事、时限到或被 wake 叫醒；None 是一直等。"""
        ...

    def wake(self) -> None:
        """叫醒正在等的；任一线程可调用。"""
        ...

    def close(self) -> None:
        """收掉自己的描述符。"""
        ...


class EpollPoller:
    """Linux 的实现。`tiered` 时急的一级嵌在总的里面，一次等待看两级。"""

    def __init__(self, *, tiered: bool) -> None:
        """开好 epoll 与叫醒用的管子。"""
        self.tiered = tiered
        self._all = select.epoll()
        self._fine = self._all.fileno() < _SELECT_MAX
        self._first = select.epoll() if tiered else None
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._all.register(self._bell, READ)
        if self._first is not None:
            self._all.register(self._first.fileno(), READ)

    def watch(self, fd: int, mask: int) -> None:
        """见端口。"""
        self._all.register(fd, mask)

    def change(self, fd: int, mask: int) -> None:
        """见端口。"""
        self._all.modify(fd, mask)

    def hasten(self, fd: int) -> None:
        """见端口。"""
        if self._first is not None:
            self._all.modify(fd, 0)
            self._first.register(fd, READ)

    def settle(self, fd: int) -> None:
        """见端口。"""
        if self._first is not None:
            self._first.unregister(fd)
            self._all.modify(fd, READ)

    def forget(self, fd: int) -> None:
        """见端口。"""
        for poll in (self._all, self._first):
            if poll is not None:
                with suppress(FileNotFoundError, ValueError):
                    poll.unregister(fd)

    def wait(self, timeout_s: float | None) -> Events:
        """见端口。"""
        if self._first is None:
            return self._heard(self._poll(timeout_s, _BATCH))
        hasty: Events = self._first.poll(0, _HASTY)
        events = self._poll(0.0 if hasty else timeout_s, _SMALL)
        nested = self._first.fileno()
        kept = [event for event in events if event[0] != nested]
        if len(kept) != len(events) and not hasty:
            hasty = self._first.poll(0, _HASTY)
        return hasty + self._heard(kept)

    def wake(self) -> None:
        """见端口。"""
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        """见端口。"""
        self._all.close()
        if self._first is not None:
            self._first.close()
        os.close(self._bell)

    def _poll(self, timeout_s: float | None, most: int) -> Events:
        """等总的一级；短的等待先看一眼，再用 select 等得准。"""
        if timeout_s is None:
            return self._all.poll(-1, most)
        if 0 < timeout_s < _FINE_S and self._fine:
            events: Events = self._all.poll(0, most)
            if events:
                return events
            select.select([self._all], [], [], timeout_s)
            return self._all.poll(0, most)
        return self._all.poll(timeout_s, most)

    def _heard(self, events: Events) -> Events:
        """铃响过就复位，不当作事件。"""
        if any(fd == self._bell for fd, _ in events):
            os.eventfd_read(self._bell)
            return [event for event in events if event[0] != self._bell]
        return events


class SelectorPoller:
    """别的系统的实现：一级，不分急缓。"""

    def __init__(self) -> None:
        """开好选择器与叫醒用的一对套接字。"""
        self.tiered = False
        self._selector = selectors.DefaultSelector()
        self._bell, self._rope = socket.socketpair()
        self._bell.settimeout(0)
        self._rope.settimeout(0)
        self._selector.register(self._bell, selectors.EVENT_READ)

    def watch(self, fd: int, mask: int) -> None:
        """见端口。"""
        self._selector.register(fd, _selector_mask(mask))

    def change(self, fd: int, mask: int) -> None:
        """见端口。"""
        self._selector.modify(fd, _selector_mask(mask))

    def hasten(self, fd: int) -> None:
        """见端口：不分急缓。"""

    def settle(self, fd: int) -> None:
        """见端口：不分急缓。"""

    def forget(self, fd: int) -> None:
        """见端口。"""
        with suppress(KeyError, ValueError):
            self._selector.unregister(fd)

    def wait(self, timeout_s: float | None) -> Events:
        """见端口。"""
        events: Events = []
        for key, mask in self._selector.select(timeout_s):
            if key.fileobj is self._bell:
                self._bell.recv(4096)
                continue
            wanted = (mask & selectors.EVENT_READ and READ) | (
                mask & selectors.EVENT_WRITE and WRITE
            )
            events.append((key.fd, wanted))
        return events

    def wake(self) -> None:
        """见端口。"""
        with suppress(BlockingIOError):  # 已经响着
            self._rope.send(b"!")

    def close(self) -> None:
        """见端口。"""
        self._selector.close()
        self._bell.close()
        self._rope.close()


def new_poller(*, tiered: bool) -> Poller:
    """这个系统上最好的一种。"""
    return EpollPoller(tiered=tiered) if sys.platform == "linux" else SelectorPoller()


def _selector_mask(mask: int) -> int:
    """我们的位 → selectors 的位。"""
    read = selectors.EVENT_READ if mask & READ else 0
    return read | (selectors.EVENT_WRITE if mask & WRITE else 0)
