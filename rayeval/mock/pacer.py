"""守时：每一步有绝对的时刻；所有流共用一个时刻堆与一只闹钟，到点成批播放。

闹钟是内核的 timerfd（纳秒精度）；没有它的平台退回事件循环的定时器（毫秒精度，不早响）。
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import heapq
import itertools
import os
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from rayeval.mock.dice import shuffler
from rayeval.mock.settings import Settings

_NS = 1_000_000_000
_MS = 1_000_000
_BATCH = 512
_CLOCK_MONOTONIC = 1
_TFD_FLAGS = os.O_NONBLOCK | getattr(os, "O_CLOEXEC", 0)
_TFD_ABSTIME = 1


class Player(Protocol):
    """到点就播的东西。"""

    def fire(self) -> int | None:
        """播出所有到点的，返回下一个时刻（perf_counter 纳秒）；None 表示播完。"""
        ...


class Alarm(Protocol):
    """一只闹钟：响时调用约定的函数。"""

    def ring_at(self, moment: int) -> None:
        """改到此刻响；过去的时刻立即响。"""
        ...

    def close(self) -> None:
        """不再响。"""
        ...


class KernelAlarm:
    """timerfd 做的闹钟；平台没有时构造抛 OSError 或 AttributeError。"""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """建一只闹钟，接到事件循环上。"""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = self._libc.timerfd_create(_CLOCK_MONOTONIC, _TFD_FLAGS)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "timerfd_create")
        self._loop = loop
        self._wake = wake
        self._spec = (ctypes.c_long * 4)()
        loop.add_reader(self._fd, self._rung)

    def ring_at(self, moment: int) -> None:
        """改到此刻响。"""
        self._spec[2], self._spec[3] = divmod(moment, _NS)
        self._libc.timerfd_settime(self._fd, _TFD_ABSTIME, self._spec, None)

    def close(self) -> None:
        """摘下闹钟。"""
        self._loop.remove_reader(self._fd)
        os.close(self._fd)

    def _rung(self) -> None:
        """读掉次数，去播放。"""
        with contextlib.suppress(BlockingIOError):
            os.read(self._fd, 8)
        self._wake()


class LoopAlarm:
    """事件循环的定时器做的闹钟。"""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        """记下循环与要叫醒的人。"""
        self._loop = loop
        self._wake = wake
        self._handle: asyncio.TimerHandle | None = None

    def ring_at(self, moment: int) -> None:
        """改到此刻响。"""
        self.close()
        delay = max(0.0, (moment - time.perf_counter_ns()) / _NS)
        self._handle = self._loop.call_later(delay, self._wake)

    def close(self) -> None:
        """取消。"""
        if self._handle is not None:
            self._handle.cancel()


def kernel_or_loop_alarm(loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> Alarm:
    """最准的一只：timerfd，或退而求其次。"""
    try:
        return KernelAlarm(loop, wake)
    except (OSError, AttributeError):
        return LoopAlarm(loop, wake)


class Pacer:
    """时刻堆；一次醒来至多播 512 个，免得读不到新请求。"""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """建空堆与闹钟。"""
        self._heap: list[tuple[int, int, Player]] = []
        self._serial = 0
        self._armed = 0
        self._alarm = kernel_or_loop_alarm(loop, self._wake)

    def add(self, moment: int, player: Player) -> None:
        """约定在 moment（perf_counter 纳秒）播放。"""
        self._serial += 1
        heapq.heappush(self._heap, (moment, self._serial, player))
        if not self._armed or moment < self._armed:
            self._arm(moment)

    def close(self) -> None:
        """停下；堆里的不再播。"""
        self._heap.clear()
        self._alarm.close()

    def _arm(self, moment: int) -> None:
        """拨闹钟。"""
        self._armed = moment
        self._alarm.ring_at(moment)

    def _wake(self) -> None:
        """播出所有到点的，再拨到下一个。"""
        heap, clock = self._heap, time.perf_counter_ns
        self._armed = 0
        try:
            for _ in range(_BATCH):
                if not heap or heap[0][0] > clock():
                    break
                # 先出堆再播：播放会引出新的约定，堆顶那时可能已是别人
                _, serial, player = heapq.heappop(heap)
                following = player.fire()
                if following is not None:
                    heapq.heappush(heap, (following, serial, player))
        finally:
            if heap:
                self._arm(heap[0][0])


def offsets(settings: Settings, seq: int) -> Iterator[int]:
    """无穷的时刻序列，纳秒；无抖动时第 k 步恰在 ttft + k·itl。"""
    first, gap = round(settings.ttft_ms * _MS), round(settings.itl_ms * _MS)
    if settings.jitter.kind == "none" or not settings.paced:
        return itertools.count(first, gap)
    return _jittered(settings, first, gap, seq)


def _jittered(settings: Settings, first: int, gap: int, seq: int) -> Iterator[int]:
    """各间隔乘以抖动；随机源由种子与请求序号定下，重放一样。"""
    rng = shuffler(settings.seed, "cadence", seq)
    moment = first * settings.jitter.factor(rng)
    while True:
        yield round(moment)
        moment += gap * settings.jitter.factor(rng)
