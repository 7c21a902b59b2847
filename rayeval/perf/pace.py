"""节拍：此刻许可几个、已发几个、还剩几个；只算账，不碰时钟与套接字。"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import Protocol

from rayeval.domain.schedule import Slice


class Pace(Protocol):
    """一份负载的发放账。时刻都由调用者给，秒。"""

    in_flight: int
    asked: float
    delivered: float
    shed: int
    slips: list[float]

    @property
    def exhausted(self) -> bool:
        """没有可发的了。"""
        ...

    def next_phase(self, now: float) -> str | None:
        """此刻若可以再发一个，返回它的阶段（warmup、ramp、plateau），否则 None。"""
        ...

    def issue(self, phase: str, now: float) -> float | None:
        """记下发出一个；返回它的计划时刻，闭环为 None。"""
        ...

    def end(self, now: float) -> None:
        """记下结束一个。"""
        ...

    def stop(self, now: float) -> None:
        """不再发：剩下的作废。"""
        ...

    def next_change(self, now: float) -> float | None:
        """最早多久之后可能又可以发，秒；只等在途的结束则为 None。"""
        ...


class ClosedPace:
    """闭环：在途不超过许可，一个结束就发下一个。

    先发预热，再发测量；测量的零点是第一个测量请求可以发的时刻（`zero` 给定时就是它）。
    预热不少于初始许可时两段相接（不空出许可）；更少时等预热全部结束，冷启动不漏进测量。
    `asked` 是 ∫permits dt，`delivered` 是 ∫min(in-flight, permits) dt，只算还有可发的时段。
    """

    def __init__(self, schedule: Slice, warmup: int, measured: int) -> None:
        """`warmup`、`measured` 是这一份的请求数。"""
        self._schedule = schedule
        self._warm_left = warmup
        self._left = measured
        self._zero: float | None = None
        self._last = 0.0
        initial = schedule.permits_at(0.0)
        self._warm_permits = max(1, initial)
        self._joined = 0 < initial <= warmup
        self._limit = initial
        self._until = -inf
        self._phase = "plateau"
        self.in_flight = 0
        self.asked = 0.0
        self.delivered = 0.0
        self.shed = 0
        self.slips: list[float] = []

    def next_phase(self, now: float) -> str | None:
        """见端口。"""
        if self._warm_left:
            return "warmup" if self.in_flight < self._warm_permits else None
        if not self._left:
            return None
        if self._zero is None and not self._begin(now):
            return None
        if now >= self._until:
            self._account(now)
            self._refresh(now)
        return self._phase if self.in_flight < self._limit else None

    def issue(self, phase: str, now: float) -> float | None:
        """见端口。"""
        self._account(now)
        self.in_flight += 1
        if phase == "warmup":
            self._warm_left -= 1
        else:
            self._left -= 1
        return None

    def end(self, now: float) -> None:
        """见端口。"""
        self._account(now)
        self.in_flight -= 1

    def stop(self, now: float) -> None:
        """见端口。"""
        self._account(now)
        self._warm_left = self._left = 0

    @property
    def exhausted(self) -> bool:
        """见端口。"""
        return not (self._warm_left or self._left)

    def next_change(self, now: float) -> float | None:
        """许可下一次变化距今多久，秒；不再变化或尚未开始测量时为 None。"""
        if self._zero is None or not self._left:
            return None
        change = self._schedule.next_change(now - self._zero)
        return None if change is None else max(0.0, self._zero + change - now)

    def _begin(self, now: float) -> bool:
        """可以开始测量就定下零点。"""
        limit = self._schedule.permits_at(0.0) if self._joined else 1
        if self.in_flight >= limit:
            return False
        self._zero = self._last = now
        return True

    def _refresh(self, now: float) -> None:
        """算出此刻的许可、阶段，与它们管到何时。"""
        assert self._zero is not None  # noqa: S101 调用者看过
        elapsed = now - self._zero
        whole = self._schedule.whole
        self._limit = self._schedule.permits_at(elapsed)
        self._phase = "ramp" if whole.permits_at(elapsed) < whole.peak else "plateau"
        change = self._schedule.next_change(elapsed)
        self._until = inf if change is None else self._zero + change

    def _account(self, now: float) -> None:
        """把上次到此刻的许可与在途积进账里；只算还有请求可发的时段。

        台阶在两次记账之间升起时从台阶处分段，不然会少算要求的许可。
        """
        if self._zero is None or not self._left:
            return
        if now < self._until:
            passed = now - self._last
            if passed > 0:
                self.asked += self._limit * passed
                self.delivered += min(self.in_flight, self._limit) * passed
                self._last = now
            return
        while self._last < now:
            begin = self._last - self._zero
            permits = self._schedule.permits_at(begin)
            change = self._schedule.next_change(begin)
            until = now if change is None else min(now, self._zero + change)
            if until <= self._last:
                until = now
            self.asked += permits * (until - self._last)
            self.delivered += min(self.in_flight, permits) * (until - self._last)
            self._last = until


class OpenPace:
    """开环：到了计划时刻就发，不等上一个回来；在途到了上限就排队，或丢弃并计数。

    `asked` 是到期的请求数，`delivered` 是其中没有因我们自己而迟到的：迟到超过 SLIP_S，
    且不是因为排在上限后面，就算没有做到。
    """

    def __init__(
        self, deadlines: Sequence[float], cap: int, warmup: int, *, shed: bool = False
    ) -> None:
        """`deadlines` 是自零点起的秒，不减；`cap` 是在途上限；`shed` 为真时超限的丢弃。"""
        self._deadlines = deadlines
        self._cap = cap
        self._warm_left = warmup
        self._shed = shed
        self._next = 0
        self._zero: float | None = None
        self._freed = -inf
        self.in_flight = 0
        self.asked = 0.0
        self.delivered = 0.0
        self.shed = 0
        self.slips: list[float] = []

    def next_phase(self, now: float) -> str | None:
        """见端口；开环没有爬坡，测量的都是 plateau。"""
        if self._warm_left:
            return "warmup" if self.in_flight < self._cap else None
        if self._zero is None:
            if self.in_flight:
                return None  # 预热全部结束才定零点
            self._zero = now
        while self._next < len(self._deadlines):
            if self._deadlines[self._next] > now - self._zero:
                return None
            if self.in_flight < self._cap:
                return "plateau"
            if not self._shed:
                return None
            self._next += 1
            self.shed += 1
        return None

    def issue(self, phase: str, now: float) -> float | None:
        """见端口；迟到从计划时刻与腾出空位的时刻中较晚的算起。"""
        self.in_flight += 1
        if phase == "warmup":
            self._warm_left -= 1
            return None
        assert self._zero is not None  # noqa: S101 发测量时零点已定
        scheduled = self._zero + self._deadlines[self._next]
        self._next += 1
        slip = now - max(scheduled, self._freed if self.in_flight >= self._cap else scheduled)
        self.slips.append(slip)
        self.asked += 1
        self.delivered += slip <= SLIP_S
        return scheduled

    def end(self, now: float) -> None:
        """见端口。"""
        self.in_flight -= 1
        self._freed = now

    def stop(self, now: float) -> None:  # noqa: ARG002 端口的签名
        """见端口。"""
        self._warm_left, self._next = 0, len(self._deadlines)

    @property
    def exhausted(self) -> bool:
        """见端口。"""
        return not self._warm_left and self._next >= len(self._deadlines)

    def next_change(self, now: float) -> float | None:
        """下一个计划时刻距今多久；排着队时只等在途的结束。"""
        if self._zero is None or self._next >= len(self._deadlines):
            return None
        due = self._zero + self._deadlines[self._next] - now
        if due <= 0 and self.in_flight >= self._cap and not self._shed:
            return None
        return max(0.0, due)


SLIP_S = 0.010
"""发送迟到这么多就算没有按计划发，秒。"""
