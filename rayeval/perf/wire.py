"""一条连接：自己的 TCP 套接字，一次一个请求；读写都不等待，读由循环来做。"""

from __future__ import annotations

import socket
from time import perf_counter

from rayeval.perf.exchange import Exchange
from rayeval.perf.tls import Tls


class Connection:
    """连好的一条。`outbox` 是还没写出去的字节；`served` 是它接过的请求数。

    `warm` 为真表示它留着过：这样的连接可能已被对端悄悄关掉。
    """

    __slots__ = ("exchange", "fd", "kernel", "outbox", "recvmsg", "served", "sock", "tls", "warm")

    def __init__(self, sock: socket.socket, tls: Tls | None, *, kernel: bool) -> None:
        """`kernel` 为真表示内核答应给收到的字节盖戳。"""
        self.sock = sock
        self.fd = sock.fileno()
        self.recvmsg = sock.recvmsg
        self.tls = tls
        self.kernel = kernel
        self.exchange: Exchange | None = None
        self.outbox = b""
        self.served = 0
        self.warm = False

    def send(self, exchange: Exchange) -> bool:
        """盖 t0，写出请求；返回是否一次写完，没写完的在 `outbox`。写不出去抛 OSError。"""
        self.exchange = exchange
        exchange.connection = self
        exchange.reused = self.served > 0
        exchange.kernel = self.kernel
        self.served += 1
        payload = exchange.payload
        exchange.depart(perf_counter())
        if self.tls is not None:
            payload = self.tls.encrypt(payload)
        return self._push(payload)

    def flush(self, more: bytes = b"") -> bool:
        """接着写没写完的，再写 `more`；返回是否写完。"""
        return self._push(self.outbox + more)

    def close(self) -> None:
        """断开。"""
        self.sock.close()

    def _push(self, data: bytes) -> bool:
        """能写多少写多少，剩下的进 `outbox`。"""
        try:
            sent = self.sock.send(data)
        except (BlockingIOError, InterruptedError):
            sent = 0
        self.outbox = data[sent:] if sent < len(data) else b""
        return not self.outbox
