"""一次请求从排队到结束的可变状态，与它变成的一行。"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from rayeval.perf.failure import Ending
from rayeval.perf.framing import Framer
from rayeval.perf.interpret import Read


@dataclass(slots=True, eq=False)
class Exchange:
    """一次请求。线上只往里放戳与字节；意义在结束之后由 interpret 给出。

    `t0_s` 与 `end_s` 是 perf_counter；没有上路的请求 t0 是开始连接的时刻。
    """

    payload: bytes
    request_id: str
    index: int
    phase: str
    t0_s: float = 0.0
    end_s: float = 0.0
    reads: list[Read] = field(default_factory=list)
    framer: Framer = field(default_factory=lambda: Framer(keep_body=False))
    ending: Ending | None = None
    detail: str = ""
    retries: int = 0
    reused: bool = False
    timer: asyncio.TimerHandle | None = None

    def end(self, ending: Ending, now_s: float, detail: str = "") -> None:
        """线上结束了；第一次说的算数。"""
        if self.ending is None:
            self.ending, self.end_s, self.detail = ending, now_s, detail
