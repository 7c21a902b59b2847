"""负载的形状：在途许可是时间的纯函数，切成若干份后处处加起来等于整体。"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Constant:
    """许可恒为 `permits`。"""

    permits: int

    @property
    def peak(self) -> int:
        """许可的最大值。"""
        return self.permits

    def permits_at(self, elapsed_s: float) -> int:  # noqa: ARG002 形状与时间无关
        """恒定。"""
        return self.permits

    def next_change(self, elapsed_s: float) -> float | None:  # noqa: ARG002 形状与时间无关
        """从不变化。"""
        return None


@dataclass(frozen=True, slots=True)
class Climb:
    """爬坡。

    linear：permits(t) = min(max, init + rate·⌊t/interval⌋)；
    static：第一个 interval 为 init，其后为 max（对一个没有文档的模式的读法）。
    """

    max_permits: int
    init: int
    rate: int
    interval_s: float
    mode: Literal["linear", "static"] = "linear"

    @property
    def peak(self) -> int:
        """许可的最大值；rate 为 0 的 linear 永远停在 init。"""
        if self.mode == "linear" and self.rate == 0:
            return min(self.max_permits, self.init)
        return self.max_permits

    def permits_at(self, elapsed_s: float) -> int:
        """此刻允许的在途请求数；负时间按 0 算。"""
        steps = self._step(elapsed_s)
        if self.mode == "static":
            return min(self.max_permits, self.init) if steps == 0 else self.max_permits
        return min(self.max_permits, self.init + self.rate * steps)

    def next_change(self, elapsed_s: float) -> float | None:
        """下一级台阶的时刻；到顶之后为 None。"""
        if self.permits_at(elapsed_s) >= self.peak:
            return None
        return (self._step(elapsed_s) + 1) * self.interval_s

    def _step(self, elapsed_s: float) -> int:
        """第几级台阶，从 0 起；容许浮点误差，使 next_change 返回的时刻已在新台阶上。"""
        return max(0, int(elapsed_s / self.interval_s + 1e-9))


@dataclass(frozen=True, slots=True)
class Slice:
    """整个形状的第 `worker` 份（共 `workers` 份）。

    第 w 份在任一时刻的许可是 ⌊(p + W − 1 − w)/W⌋，对 w 求和恒等于 p：
    多台机器合起来与一台机器画出同一条线。
    """

    whole: Constant | Climb
    worker: int
    workers: int

    @property
    def peak(self) -> int:
        """这一份许可的最大值。"""
        return self._cut(self.whole.peak)

    def permits_at(self, elapsed_s: float) -> int:
        """此刻这一份的许可。"""
        return self._cut(self.whole.permits_at(elapsed_s))

    def next_change(self, elapsed_s: float) -> float | None:
        """整体下一次变化的时刻；这一份届时可能不变。"""
        return self.whole.next_change(elapsed_s)

    def _cut(self, permits: int) -> int:
        """把整体许可切到这一份。"""
        return (permits + self.workers - 1 - self.worker) // self.workers
