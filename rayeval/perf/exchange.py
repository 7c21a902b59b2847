"""一次请求从排队到结束的可变状态。"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rayeval.perf.failure import Ending
from rayeval.perf.reading import Reading

_UNREAD = Reading(0.0)
"""还没上路的请求共用：上路时换成自己的，事先造好的百万个请求不必各带一个。"""


@dataclass(slots=True, eq=False)
class Exchange:
    """一次请求。时刻都是 perf_counter 秒；没有上路的请求 t0 是开始连接的时刻。

    `last_s` 是最后一次读的戳，还没读过则为 t0；`scheduled_s` 是开环的计划时刻，闭环为 None；
    `kernel` 为真表示每次读都有内核的戳；`hasty` 为真表示它的套接字在急的那一级里。
    """

    payload: bytes
    request_id: str
    index: int
    phase: str
    t0_s: float = 0.0
    end_s: float = 0.0
    last_s: float = 0.0
    scheduled_s: float | None = None
    reading: Reading = _UNREAD
    ending: Ending | None = None
    detail: str = ""
    retries: int = 0
    reused: bool = False
    kernel: bool = True
    hasty: bool = False
    connection: Any = None  # 载着它的 Connection；互相导入会成环

    def depart(self, now: float) -> None:
        """字节就要上路：盖 t0，从头读回答。"""
        self.t0_s = self.last_s = now
        self.reading = Reading(now)

    def end(self, ending: Ending, now_s: float, detail: str = "") -> None:
        """线上结束了；第一次说的算数。"""
        if self.ending is None:
            self.ending, self.end_s, self.detail = ending, now_s, detail
