"""压测组的端口：prepare → go → counters → collect；实现在 inline_crew 与 Ray 那一侧。"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from rayeval.domain.load import Counters, Share, WorkerHealth


@dataclass(frozen=True, slots=True)
class Haul:
    """一个压测者的收获：一张 REQUESTS 表与自证；失联时表为空、`lost` 说明原因。"""

    worker: int
    requests: pa.Table
    health: WorkerHealth | None
    lost: str = ""


class LoadCrew(Protocol):
    """若干压测者，一个 cell 一个 cell 地驱动；`shares` 不多于 `size`。"""

    @property
    def size(self) -> int:
        """压测者个数。"""
        ...

    def prepare(self, shares: Sequence[Share]) -> None:
        """造好请求字节、连好连接；全部就绪才返回。连不上不是错误，留给测量去记。"""
        ...

    def go(self) -> None:
        """同时开始；立即返回。"""
        ...

    def wait(self, timeout_s: float) -> bool:
        """等到全部跑完或时限到；返回是否已跑完。"""
        ...

    def counters(self) -> Counters:
        """各压测者计数之和；可在运行中读。"""
        ...

    def collect(self) -> list[Haul]:
        """跑完之后取走每个压测者的收获，按序号排列。"""
        ...

    def cancel(self) -> None:
        """让在跑的尽快停下；随后的 collect 仍给出已完成的行。"""
        ...
