"""节拍：此刻许可几个、已发几个、还剩几个；只算账，不碰时钟与套接字。"""

from __future__ import annotations

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
    zero: float | None

    @property
    def exhausted(self) -> bool:
        """没有可发的了，也不会再有。"""
        ...

    @property
    def permits(self) -> int:
        """此刻许可几个在途，给进度看；任一线程可读。"""
        ...

    @property
    def ready(self) -> bool:
        """预热做完了，可以开始测量，只等公共零点。"""
        ...

    def begin(self, zero: float) -> None:
        """公共零点到了：测量从这一刻算起。"""
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


class Books:
    """各种节拍共有的账；含义随节拍。"""

    def __init__(self) -> None:
        """还没开始。"""
        self.zero: float | None = None
        self.in_flight = 0
        self.asked = 0.0
        self.delivered = 0.0
        self.shed = 0
        self.slips: list[float] = []


class ClosedPace(Books):
    """闭环：在途不超过许可，一个结束就发下一个。

    先发预热，再发测量；独自一个时，测量的零点（`zero`）是第一个测量请求可以发的时刻。
    预热不少于初始许可时两段相接（`joined`，不空出许可）；更少时等预热全部结束，
    冷启动不漏进测量。`dealt` 为真时号码现取现发，零点由外面给（`begin`）。
    `asked` 是 ∫permits dt，`delivered` 是 ∫min(in-flight, permits) dt，只算还有可发的时段。
    """

    def __init__(
        self,
        schedule: Slice,
        warmup: int,
        measured: int,
        *,
        joined: bool | None = None,
        dealt: bool = False,
    ) -> None:
        """`warmup`、`measured` 是这一份的请求数；`joined` 不给时按这一份自己判断。"""
        super().__init__()
        self._schedule = schedule
        self._warm_left = warmup
        self._left = measured
        self._last = 0.0
        initial = schedule.permits_at(0.0)
        self._warm_permits = max(1, initial)
        enough = warmup >= initial if joined is None else joined
        self._joined = initial > 0 and enough
        self._dealt = dealt
        self._limit = initial
        self._until = -inf
        self._phase = "plateau"
        self.more = dealt

    def next_phase(self, now: float) -> str | None:
        """见端口。"""
        if self._warm_left:
            return "warmup" if self.in_flight < self._warm_permits else None
        if not self._left:
            return None
        if self.zero is None and not self._begin(now):
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
        self.more = False

    @property
    def exhausted(self) -> bool:
        """见端口。"""
        return not (self._warm_left or self._left or self.more)

    @property
    def permits(self) -> int:
        """见端口。"""
        return self._warm_permits if self._warm_left else self._limit

    @property
    def stocked(self) -> int:
        """手上还没发的测量请求。"""
        return self._left

    @property
    def ready(self) -> bool:
        """见端口。"""
        return not self._warm_left and (self._joined or not self.in_flight)

    @property
    def padding(self) -> int:
        """等公共零点时，还要几个垫场的请求才不空出许可。"""
        if not self._joined or self._warm_left or self.zero is not None:
            return 0
        return max(0, self._warm_permits - self.in_flight)

    def pad(self, number: int) -> None:
        """添了这么多个垫场的请求，当作预热。"""
        self._warm_left += number

    def begin(self, zero: float) -> None:
        """见端口。"""
        self.zero = self._last = zero

    def stock(self, number: int) -> None:
        """又取到这么多个测量请求；0 是再也没有了。"""
        self._left += number
        self.more = self.more and number > 0

    def free(self, now: float) -> int:
        """此刻空着几个许可；零点之前为 0。"""
        if self.zero is None:
            return 0
        if now >= self._until:
            self._account(now)
            self._refresh(now)
        return max(0, self._limit - self.in_flight)

    def next_change(self, now: float) -> float | None:
        """许可下一次变化距今多久，秒；不再变化或尚未开始测量时为 None。"""
        if self.zero is None or not (self._left or self.more):
            return None
        change = self._schedule.next_change(now - self.zero)
        return None if change is None else max(0.0, self.zero + change - now)

    def _begin(self, now: float) -> bool:
        """独自一个时，可以开始测量就定下零点。"""
        if self._dealt:
            return False
        limit = self._schedule.permits_at(0.0) if self._joined else 1
        if self.in_flight >= limit:
            return False
        self.zero = self._last = now
        return True

    def _refresh(self, now: float) -> None:
        """算出此刻的许可、阶段，与它们管到何时。"""
        assert self.zero is not None  # noqa: S101 调用者看过
        elapsed = now - self.zero
        whole = self._schedule.whole
        self._limit = self._schedule.permits_at(elapsed)
        self._phase = "ramp" if whole.permits_at(elapsed) < whole.peak else "plateau"
        change = self._schedule.next_change(elapsed)
        self._until = inf if change is None else self.zero + change

    def _account(self, now: float) -> None:
        """把上次到此刻的许可与在途积进账里；只算还有请求可发的时段。

        台阶在两次记账之间升起时从台阶处分段，不然会少算要求的许可。
        """
        if self.zero is None or not (self._left or self.more):
            return
        if now < self._until:
            passed = now - self._last
            if passed > 0:
                self.asked += self._limit * passed
                self.delivered += min(self.in_flight, self._limit) * passed
                self._last = now
            return
        while self._last < now:
            begin = self._last - self.zero
            permits = self._schedule.permits_at(begin)
            change = self._schedule.next_change(begin)
            until = now if change is None else min(now, self.zero + change)
            if until <= self._last:
                until = now
            self.asked += permits * (until - self._last)
            self.delivered += min(self.in_flight, permits) * (until - self._last)
            self._last = until
