"""一个分片的在途上限：服务说忙就减半，顺当了再一步步加回去。"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

POLL_S = 0.2
"""等位子时每隔这么久看一眼是否该停。"""


class Throttle:
    """加性增、乘性减；线程安全。

    起初 `most` 个位子。一个请求被拒（429，或带 Retry-After 的 503）则上限减半，至少 1；
    在上次减半之前就发出的那些也被拒，说的是同一件事，不再减。攒够一轮（上限那么多次）
    顺当的回复，上限加 1，不超过 `most`。服务要求等的时候，谁也不发新的。
    """

    def __init__(
        self, most: int, stop: threading.Event, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`stop` 立起后等位子的人空手而回。"""
        self._most = most
        self._limit = most
        self._inside = 0
        self._good = 0
        self._cut_at = float("-inf")
        self._open_at = float("-inf")
        self._stop = stop
        self._clock = clock
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """此刻的上限。"""
        return self._limit

    def enter(self) -> float | None:
        """等到一个位子，返回进门的时刻（交给 leave）；被叫停则为 None。"""
        with self._changed:
            while not self._stop.is_set():
                now = self._clock()
                if self._inside < self._limit and now >= self._open_at:
                    self._inside += 1
                    return now
                closed_s = self._open_at - now
                self._changed.wait(min(POLL_S, closed_s) if closed_s > 0 else POLL_S)
        return None

    def leave(self, entered: float, *, busy: bool, well: bool, wait_s: float = 0.0) -> None:
        """交还位子；`busy` 是服务嫌忙，`wait_s` 是它要求等的秒数，`well` 是正常的回复。"""
        with self._changed:
            self._inside -= 1
            if busy:
                self._ease_off(entered, wait_s)
            elif well:
                self._pick_up()
            self._changed.notify_all()

    def _ease_off(self, entered: float, wait_s: float) -> None:
        """减半，并按服务说的等。"""
        now = self._clock()
        self._open_at = max(self._open_at, now + wait_s)
        if entered >= self._cut_at:
            self._limit, self._cut_at, self._good = max(1, self._limit // 2), now, 0

    def _pick_up(self) -> None:
        """攒一次顺当。"""
        self._good += 1
        if self._good >= self._limit and self._limit < self._most:
            self._limit, self._good = self._limit + 1, 0
