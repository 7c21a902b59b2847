"""发号：几个压测者合打一场时，谁做哪些请求现取现发，而且从同一刻算起。"""

from __future__ import annotations

import platform
import threading
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Protocol

LEAD_S = 0.02
"""零点定在人到齐之后这么久，秒：好让大家在它之前都听到。"""


@dataclass(frozen=True, slots=True)
class Zero:
    """公共零点。`host` 是定下它的主机的标记，`at_s` 是那里单调钟上的时刻，`in_s` 是多少秒之后。

    同一主机上的进程共用一只单调钟，时刻分毫不差；别处只能用“多少秒之后”，
    晚的是这句话在路上的时间，局域网里不到一毫秒。
    """

    host: str
    at_s: float
    in_s: float

    def local(self, now: float) -> float:
        """在听到它的这台机器上的时刻；`now` 是听到时的 perf_counter。"""
        return self.at_s if self.host == host_mark() else now + self.in_s


class Deal(Protocol):
    """压测者眼里的发号者；各方法任一线程可调用，会阻塞，发号者没了就抛异常。"""

    def take(self, want: int) -> range:
        """取接下来的至多 `want` 个号码。

        各次所得首尾相接，从不重叠，合起来恰为 0…总数−1；`stop` 之后还剩的就是别人可取的。
        起点已是总数的空段表示再也没有了；`want` 为 0 只问到哪了。
        """
        ...

    def zero(self, worker: int) -> Zero:
        """第 `worker` 个压测者预热完了；等到大家都到，得知公共零点。"""
        ...


class Dealer(Deal, Protocol):
    """压测组眼里的发号者。"""

    def forget(self, worker: int) -> None:
        """这一个没了，不再等它。"""
        ...

    def stop(self) -> None:
        """叫停：剩下的作废，等着的放行。"""
        ...


class SharedDeal:
    """Dealer 的实现：一把锁；别的进程经由管子或 actor 用它。

    一次给出的不多于“剩余 ÷ 2W”（至少一个）：越到末尾给得越细，谁也不会攥着别人能做的。
    """

    def __init__(self, total: int, workers: int) -> None:
        """`total` 个号码，`workers` 个压测者。"""
        self._total = total
        self._workers = workers
        self._next = 0
        self._missing = set(range(workers))
        self._at_s: float | None = None
        self._changed = threading.Condition()

    def take(self, want: int) -> range:
        """见端口。"""
        with self._changed:
            first, left = self._next, self._total - self._next
            fair = max(1, left // (2 * self._workers))
            self._next += max(0, min(want, fair, left))
            return range(first, self._next)

    def zero(self, worker: int) -> Zero:
        """见端口。"""
        with self._changed:
            self._discard(worker)
            self._changed.wait_for(lambda: self._at_s is not None)
            assert self._at_s is not None  # noqa: S101 上一行等的就是它
            return Zero(host_mark(), self._at_s, self._at_s - perf_counter())

    def forget(self, worker: int) -> None:
        """见端口。"""
        with self._changed:
            self._discard(worker)

    def stop(self) -> None:
        """见端口。"""
        with self._changed:
            self._next = self._total
            self._missing.clear()
            self._settle()

    def _discard(self, worker: int) -> None:
        """不必再等这一个；都到了就定下零点。"""
        self._missing.discard(worker)
        self._settle()

    def _settle(self) -> None:
        """没有要等的了就定下零点，只定一次。"""
        if not self._missing and self._at_s is None:
            self._at_s = perf_counter() + LEAD_S
            self._changed.notify_all()


@cache
def host_mark() -> str:
    """共用一只单调钟的进程才有的标记：本次开机，与时间名字空间（容器可以拨动自己的钟）。"""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return f"{platform.node()}/{uuid.getnode():x}"
    try:
        return f"{boot}/{Path('/proc/self/ns/time').readlink()}"
    except OSError:
        return boot  # 老内核没有时间名字空间
