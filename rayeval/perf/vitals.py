"""压测者量自己：循环迟到多少、占多少 CPU；并在测量时按住垃圾回收。"""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from array import array
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

TICK_S = 0.010
"""循环延迟的采样间隔，秒。"""

_lock = threading.Lock()
_freezers = 0
_was_enabled = False


class Vitals:
    """一次跑动的自量；在循环的线程里 start 与 stop。

    迟到 = 十毫秒定时器实际触发与应当触发之差；卡住 50 ms 至少显出 40 ms 的迟到。
    """

    def __init__(self) -> None:
        """还没开始。"""
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self._lags = array("d")
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """开始采样。"""
        self._loop = loop
        self.wall_s, self.cpu_s = -time.perf_counter(), -time.thread_time()
        self._arm(time.perf_counter())

    def stop(self) -> None:
        """停止采样；最后一次没等到的也算上它已迟到的部分。"""
        if self._timer is not None:
            self._timer.cancel()
            self._lags.append(max(0.0, time.perf_counter() - self._due))
        self.wall_s += time.perf_counter()
        self.cpu_s += time.thread_time()

    @property
    def cpu_share(self) -> float:
        """循环的线程占一个核的份额。"""
        return self.cpu_s / self.wall_s if self.wall_s > 0 else 0.0

    def lag_p99_s(self) -> float:
        """迟到的 P99，秒。"""
        return float(np.percentile(self._lags, 99)) if self._lags else 0.0

    def lag_max_s(self) -> float:
        """最大的迟到，秒。"""
        return max(self._lags, default=0.0)

    def _arm(self, now: float) -> None:
        """定下一次。"""
        assert self._loop is not None  # noqa: S101 start 之后
        self._due = now + TICK_S
        self._timer = self._loop.call_later(TICK_S, self._tick)

    def _tick(self) -> None:
        """到点：记下迟到。"""
        now = time.perf_counter()
        self._lags.append(max(0.0, now - self._due))
        self._arm(now)


@contextmanager
def collector_held() -> Iterator[None]:
    """测量期间不做垃圾回收，免得停顿算进服务的延迟；同进程几个压测者时最后一个放开。"""
    global _freezers, _was_enabled  # noqa: PLW0603 回收器是进程级的
    with _lock:
        if _freezers == 0:
            _was_enabled = gc.isenabled()
            gc.collect()
            gc.freeze()
            gc.disable()
        _freezers += 1
    try:
        yield
    finally:
        with _lock:
            _freezers -= 1
            if _freezers == 0:
                gc.unfreeze()
                if _was_enabled:
                    gc.enable()
