"""一个场景的压测图，按页面上的次序；没有数据的不给。"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rayeval.export.page.against import latency_slot, rate_slot, server_slot
from rayeval.export.page.cells import Drawn
from rayeval.export.page.distribution import distribution_slot
from rayeval.export.page.over_time import time_slot
from rayeval.export.page.slot import Slot

MAKERS = (distribution_slot, time_slot, rate_slot, latency_slot, server_slot)
"""新的图在这里加一行。"""


def perf_slots(name: str, cells: Sequence[Drawn]) -> Iterator[Slot]:
    """`name` 是图位名字的开头。"""
    for maker in MAKERS:
        slot = maker(name, cells)
        if slot.figures:
            yield slot
