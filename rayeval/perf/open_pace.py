"""开环的节拍：到了计划时刻就发，不等上一个回来。"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from rayeval.perf.pace import Books


class OpenPace(Books):
    """开环：到了计划时刻就发，不等上一个回来；在途到了上限就排队，或丢弃并计数。

    `asked` 是到期的请求数，`delivered` 是其中没有因我们自己而迟到的：迟到超过 SLIP_S，
    且不是因为排在上限后面，就算没有做到。
    """

    def __init__(
        self,
        deadlines: Sequence[float],
        cap: int,
        warmup: int,
        *,
        shed: bool = False,
        dealt: bool = False,
    ) -> None:
        """`deadlines` 是自零点起的秒，不减；`cap` 是在途上限；`shed` 为真时超限的丢弃。

        `dealt` 为真时零点由外面给（`begin`）。
        """
        super().__init__()
        self._deadlines = deadlines
        self._cap = cap
        self._warm_left = warmup
        self._shed = shed
        self._dealt = dealt
        self._next = 0
        self._freed = -inf

    def next_phase(self, now: float) -> str | None:
        """见端口；开环没有爬坡，测量的都是 plateau。"""
        if self._warm_left:
            return "warmup" if self.in_flight < self._cap else None
        if self.zero is None:
            if self.in_flight or self._dealt:
                return None  # 预热全部结束才定零点
            self.zero = now
        while self._next < len(self._deadlines):
            if self._deadlines[self._next] > now - self.zero:
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
        assert self.zero is not None  # noqa: S101 发测量时零点已定
        scheduled = self.zero + self._deadlines[self._next]
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
    def permits(self) -> int:
        """见端口；开环是在途的上限。"""
        return self._cap

    @property
    def exhausted(self) -> bool:
        """见端口。"""
        return not self._warm_left and self._next >= len(self._deadlines)

    @property
    def ready(self) -> bool:
        """见端口；预热全部结束才算。"""
        return not (self._warm_left or self.in_flight)

    def begin(self, zero: float) -> None:
        """见端口。"""
        self.zero = zero

    def next_change(self, now: float) -> float | None:
        """下一个计划时刻距今多久；排着队时只等在途的结束。"""
        if self.zero is None or self._next >= len(self._deadlines):
            return None
        due = self.zero + self._deadlines[self._next] - now
        if due <= 0 and self.in_flight >= self._cap and not self._shed:
            return None
        return max(0.0, due)


SLIP_S = 0.010
"""发送迟到这么多就算没有按计划发，秒。"""
