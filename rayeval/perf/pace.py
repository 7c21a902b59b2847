"""节拍：此刻许可几个、已发几个、还剩几个；只算账，不碰时钟与套接字。"""

from __future__ import annotations

from rayeval.domain.schedule import Slice


class Pace:
    """一份负载的发放账。时刻都由调用者给，秒。

    先发预热，再发测量；测量的零点是第一个测量请求可以发的时刻。
    预热不少于初始许可时两段相接（不空出许可）；更少时等预热全部结束，冷启动不漏进测量。
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
        self.in_flight = 0
        self.asked = 0.0
        self.delivered = 0.0

    def next_phase(self, now: float) -> str | None:
        """此刻若可以再发一个，返回它的阶段（warmup、ramp、plateau），否则 None。"""
        if self._warm_left:
            return "warmup" if self.in_flight < self._warm_permits else None
        if not self._left:
            return None
        if self._zero is None and not self._begin(now):
            return None
        elapsed = self._elapsed(now)
        if self.in_flight >= self._schedule.permits_at(elapsed):
            return None
        whole = self._schedule.whole
        return "ramp" if whole.permits_at(elapsed) < whole.peak else "plateau"

    def issue(self, phase: str, now: float) -> None:
        """记下发出一个。"""
        self._account(now)
        self.in_flight += 1
        if phase == "warmup":
            self._warm_left -= 1
        else:
            self._left -= 1

    def end(self, now: float) -> None:
        """记下结束一个。"""
        self._account(now)
        self.in_flight -= 1

    def stop(self, now: float) -> None:
        """不再发：剩下的作废。"""
        self._account(now)
        self._warm_left = self._left = 0

    @property
    def exhausted(self) -> bool:
        """没有可发的了。"""
        return not (self._warm_left or self._left)

    def next_change(self, now: float) -> float | None:
        """许可下一次变化距今多久，秒；不再变化或尚未开始测量时为 None。"""
        if self._zero is None or not self._left:
            return None
        change = self._schedule.next_change(self._elapsed(now))
        return None if change is None else max(0.0, self._zero + change - now)

    def _begin(self, now: float) -> bool:
        """可以开始测量就定下零点。"""
        limit = self._schedule.permits_at(0.0) if self._joined else 1
        if self.in_flight >= limit:
            return False
        self._zero = self._last = now
        return True

    def _elapsed(self, now: float) -> float:
        """自零点起的秒。"""
        return now - (now if self._zero is None else self._zero)

    def _account(self, now: float) -> None:
        """把上次到此刻的许可与在途积进账里；只算还有请求可发的时段。

        台阶在两次记账之间升起时从台阶处分段，不然会少算要求的许可。
        """
        if self._zero is None or not self._left:
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
