"""压测者量自己：读晚了多少、占多少 CPU、等了多久 CPU；并在测量时按住垃圾回收。"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt

_EDGES = np.concatenate([[0.0], np.geomspace(1e-6, 100.0, 321)])
"""延迟直方图的格边，秒：每格宽约 6 %。"""
LONG_TURN_S = 0.030
"""循环的一轮做了这么久就算卡住，秒：几百个事件也只要十几毫秒。"""
_SPILL = 8192
"""攒这么多个样本就归入直方图：内存有界。"""

_lock = threading.Lock()
_freezers = 0
_was_enabled = False


class Vitals:
    """一次跑动的自量；在循环的线程里 start 与 stop。

    `lags` 由循环直接追加：有内核的戳时是读到的时刻减戳（一次读晚了多少），
    否则是读到的时刻减这一轮等待返回的时刻；定时醒来晚了多少也算。卡住 50 ms 必显出来。
    """

    def __init__(self) -> None:
        """还没开始。"""
        self.wall_s = 0.0
        self.cpu_s = 0.0
        self.starved_s = 0.0
        self.collections = 0
        self.lags: list[float] = []
        self._counts: npt.NDArray[np.int64] = np.zeros(len(_EDGES), dtype=np.int64)
        self._worst = 0.0

    def start(self) -> None:
        """开始。"""
        self.wall_s, self.cpu_s = -time.perf_counter(), -time.thread_time()
        self.starved_s = -_starved_s()
        self.collections = -_collections()

    def stop(self) -> None:
        """停止。"""
        self.wall_s += time.perf_counter()
        self.cpu_s += time.thread_time()
        self.starved_s += _starved_s()
        self.collections += _collections()

    def late(self, seconds: float) -> None:
        """定时醒来晚了这么多；没有定时（无限期）时为负，不算。"""
        if seconds > 0.0:
            self.lags.append(seconds)

    def spent(self, seconds: float) -> None:
        """一轮做了这么久：长得出奇的就是卡住了，其间谁来都得等，不论有没有来。"""
        if seconds > LONG_TURN_S:
            self.lags.append(seconds)

    def spill(self, *, force: bool = False) -> None:
        """样本攒多了就归入直方图。"""
        if len(self.lags) < _SPILL and not force:
            return
        lags, self.lags[:] = np.array(self.lags), []
        if lags.size:
            self._worst = max(self._worst, float(lags.max()))
            places = np.searchsorted(_EDGES, lags, side="right") - 1
            self._counts += np.bincount(np.maximum(places, 0), minlength=len(_EDGES))

    @property
    def cpu_share(self) -> float:
        """循环的线程占一个核的份额。"""
        return self.cpu_s / self.wall_s if self.wall_s > 0 else 0.0

    @property
    def starved_share(self) -> float:
        """循环的线程想跑却在等 CPU 的份额；系统不说则为 0。"""
        return self.starved_s / self.wall_s if self.wall_s > 0 else 0.0

    def lag_p99_s(self) -> float:
        """迟到的 P99，秒；取所在格的上边，误差不过 6 %。"""
        self.spill(force=True)
        total = int(self._counts.sum())
        if not total:
            return 0.0
        place = int(np.searchsorted(np.cumsum(self._counts), 0.99 * total))
        return min(self._worst, float(_EDGES[min(place + 1, len(_EDGES) - 1)]))

    def lag_max_s(self) -> float:
        """最大的迟到，秒。"""
        self.spill(force=True)
        return self._worst


def _starved_s() -> float:
    """本线程至今等 CPU 的秒数（Linux 的 schedstat）；没有则为 0。"""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) * 1e-9
    except (OSError, IndexError, ValueError):
        return 0.0


def _collections() -> int:
    """至今的垃圾回收次数。"""
    return sum(generation["collections"] for generation in gc.get_stats())


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
