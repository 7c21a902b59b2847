"""读到的时刻：Linux 上取内核收包的戳（SO_TIMESTAMPNS），读得晚也不说谎；别处取读到的时刻。"""

from __future__ import annotations

import platform
import socket
import struct
import sys
import time
from time import perf_counter

_SO_TIMESTAMPNS = 35
"""asm-generic 的值；标准库没有这个名字。"""
_MACHINES = frozenset({"x86_64", "aarch64", "arm64", "riscv64", "ppc64le", "s390x", "loongarch64"})
NOTES = socket.CMSG_SPACE(16) if hasattr(socket, "CMSG_SPACE") else 0
"""一个 timespec 的附带数据要留的字节。"""
SYNC_S = 0.05
"""多久重新对一次墙钟与单调钟：NTP 拨快慢时两者每秒差不过半毫秒。"""
STEP_S = 0.001
"""两次对钟之间差出这么多，就不是快慢，是被拨了一下，秒。"""
_timespec = struct.Struct("=qq").unpack


def ask_kernel(sock: socket.socket) -> bool:
    """请内核给收到的字节盖戳；办不到（别的系统、老内核）返回 False。"""
    if sys.platform != "linux" or platform.machine() not in _MACHINES:
        return False
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError:
        return False
    return True


class Wall:
    """内核的戳（墙钟）→ perf_counter 秒。墙钟只作换算，拨动它不改变任何间隔。"""

    __slots__ = ("_base", "_offset", "synced")

    def __init__(self) -> None:
        """对好两只钟。"""
        self._base = int(time.time())
        self._offset = self._measure()
        self.synced = perf_counter()

    def stamp(self, note: bytes) -> float:
        """附带数据里的 timespec → perf_counter 秒；先减去整数的底，不丢精度。"""
        seconds: int
        nanoseconds: int
        seconds, nanoseconds = _timespec(note)
        return (seconds - self._base) + nanoseconds * 1e-9 - self._offset

    def sync(self, now: float) -> bool:
        """再对一次；返回墙钟是否被拨过（差出一毫秒以上）。"""
        offset = self._measure()
        stepped = abs(offset - self._offset) > STEP_S
        self._offset, self.synced = offset, now
        return stepped

    def _measure(self) -> float:
        """墙钟减单调钟，秒；取几次里夹得最紧的一次，免得中间被抢走 CPU。"""
        best, offset = float("inf"), 0.0
        for _ in range(5):
            before = perf_counter()
            wall = time.time_ns()
            after = perf_counter()
            if after - before < best:
                best = after - before
                whole = (wall - self._base * 1_000_000_000) * 1e-9
                offset = whole - (before + after) / 2
            if best < 1e-6:  # noqa: PLR2004 一微秒足够紧
                break
        return offset
