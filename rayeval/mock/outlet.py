"""出口：把字节立刻交给内核，好让真值里的时刻就是发出的时刻。

事件循环的 transport.write 攒到这一轮末尾才发；同一瞬间有几百条流时，那会让真值早报上毫秒。
transport 里没有积压时直接写套接字，写不完的余下交还给它，次序因此不乱。
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct


class Outlet:
    """一条连接的写端；对端没了就悄悄丢弃（断开另有通知）。"""

    def __init__(self, transport: asyncio.Transport) -> None:
        """取出套接字，关掉 Nagle。"""
        self._transport = transport
        sock: socket.socket = transport.get_extra_info("socket")
        self._fd = sock.fileno()
        if sock.family in {socket.AF_INET, socket.AF_INET6}:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, data: bytes) -> None:
        """发出。先问 is_closing：关闭中的连接，描述符可能已归了别人。"""
        transport = self._transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size():
            transport.write(data)
            return
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError:
            transport.abort()
            return
        if sent < len(data):
            transport.write(data[sent:])

    def reset(self) -> None:
        """立即以 RST 断开，积压的丢弃：只有故障才这么做。"""
        sock: socket.socket = self._transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def close(self) -> None:
        """发完积压后关闭。"""
        self._transport.close()
