"""读到的字节与时间戳 → 一次请求的意义；纯函数，与读的切分无关（时间戳除外）。

定义都从这里进去：token 事件、首字节、首 token、成败的种类。
"""

from __future__ import annotations

from collections.abc import Iterable

from rayeval.perf.failure import Ending
from rayeval.perf.meaning import Meaning
from rayeval.perf.plain import PlainReading
from rayeval.perf.reading import Reading

Read = tuple[float, bytes]
"""(读到的时刻，秒；字节)。"""


def interpret(
    reads: Iterable[Read],
    t0_s: float,
    ending: Ending,
    end_s: float,
    detail: str = "",
    *,
    fast: bool = True,
) -> Meaning:
    """一次请求全部的读 → 意义。

    `t0_s`、`end_s` 与各戳同一只钟；`end_s` 是线上结束的时刻；`detail` 是传输错误的原话；
    `fast=False` 只走慢道，作对照。
    """
    reading: PlainReading = Reading(t0_s) if fast else PlainReading(t0_s)
    for stamp_s, data in reads:
        reading.feed(stamp_s, data)
    return reading.finish(ending, end_s, detail)
