"""压测组：若干压测者，prepare → go → counters → collect；不管它们在线程、进程还是 actor 里。"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any, Protocol

import pyarrow as pa

from rayeval.domain.load import Counters, Share, WorkerHealth
from rayeval.domain.records import empty_requests
from rayeval.errors import InfrastructureError
from rayeval.perf.deal import Deal, Dealer

START_S = 120.0
"""等压测者就绪的时限，秒。"""
COUNT_S = 0.2
"""等计数的时限，秒：一时答不上来就用上次的，不让进度拖住测量。"""
COLLECT_S = 600.0
"""等一份收获的时限，秒：几百万行要在网上走一会儿。"""


class WorkerLostError(InfrastructureError):
    """一个压测者没了：它的进程或节点死了。"""


@dataclass(frozen=True, slots=True)
class Haul:
    """一个压测者的收获：一张 REQUESTS 表与自证；失联时表为空、`lost` 说明原因。"""

    worker: int
    requests: pa.Table
    health: WorkerHealth | None
    lost: str = ""


class Hand(Protocol):
    """一个压测者的手柄；答复都是 Future，压测者没了则它们抛 WorkerLostError。"""

    def prepare(self, share: Share, deal: Deal | None) -> Future[None]:
        """造好请求字节、连好连接。"""
        ...

    def run(self) -> Future[None]:
        """开始；跑完才有答复。"""
        ...

    def counters(self) -> Future[Counters]:
        """此刻的计数；跑着也答。"""
        ...

    def collect(self) -> Future[Haul]:
        """跑完之后的收获。"""
        ...

    def cancel(self) -> None:
        """尽快停下；立即返回。"""
        ...

    def close(self) -> None:
        """收走；立即返回或稍等。"""
        ...


class LoadCrew:
    """若干压测者，一个 cell 一个 cell 地驱动；没了的说出来，其余照算，剩下的号码都归其余。"""

    def __init__(self, hands: Sequence[Hand], dealer: Callable[[int, int], Dealer]) -> None:
        """`dealer`（总数，压测者数）开一局发号；手柄们可以还在启动。"""
        self._hands = hands
        self._new_deal = dealer
        self._deal: Dealer | None = None
        self._dead: dict[Hand, str] = {}
        self._active: list[Hand] = []
        self._lost: dict[Hand, str] = {}
        self._runs: dict[Hand, Future[None]] = {}
        self._last: dict[Hand, Counters] = {}

    @property
    def size(self) -> int:
        """活着的压测者个数。"""
        return len(self._living)

    def prepare(self, shares: Sequence[Share]) -> None:
        """造好请求字节、连好连接；全部就绪才返回，`shares` 不多于 `size`。

        连不上不是错误，留给测量去记；压测者全没了、或迟迟起不来，抛 InfrastructureError。
        """
        self._active = self._living[: len(shares)]
        self._lost, self._runs, self._last = {}, {}, {}
        if len(self._active) < len(shares):
            message = f"only {self.size} of {len(shares)} load workers are alive: {self._obituary}"
            raise InfrastructureError(message)
        alone = len(shares) < _SEVERAL
        self._deal = None if alone else self._new_deal(shares[0].cell.num_requests, len(shares))
        preparing = {
            hand: hand.prepare(share, self._deal)
            for hand, share in zip(self._active, shares, strict=True)
        }
        late = _await(preparing.values(), START_S)
        if late:
            message = f"{late} load workers did not start within {START_S:.0f} s"
            raise InfrastructureError(message)
        for hand, future in preparing.items():
            error = future.exception()
            if error is not None and not isinstance(error, WorkerLostError):
                raise error
            self._bury(hand, error)
        if self._active and not self._present:
            message = f"not one load worker could be started: {self._obituary}"
            raise InfrastructureError(message)

    def go(self) -> None:
        """同时开始；立即返回。"""
        for position, hand in enumerate(self._active):
            forget = partial(_forget, self._deal, position)
            if hand in self._lost:
                forget()
            else:
                self._runs[hand] = hand.run()
                self._runs[hand].add_done_callback(forget)

    def wait(self, timeout_s: float) -> bool:
        """等到全部跑完或时限到；返回是否已跑完。"""
        return not wait(self._runs.values(), timeout_s).not_done

    def counters(self) -> Counters:
        """各压测者计数之和；可在运行中读，没了的停在最后所知。"""
        asked = {hand: hand.counters() for hand in self._present}
        wait(asked.values(), COUNT_S)
        for hand, future in asked.items():
            if future.done() and future.exception() is None:
                self._last[hand] = future.result()
        return sum(self._last.values(), Counters())

    def collect(self) -> list[Haul]:
        """跑完之后取走每个压测者的收获，按序号排列；没了的交一张空表与缘由。"""
        for hand, run in self._runs.items():
            self._bury(hand, run.exception() if run.done() else WorkerLostError(_ENDLESS))
        asked = {hand: hand.collect() for hand in self._present}
        _await(asked.values(), COLLECT_S)
        for hand, haul in asked.items():
            self._bury(hand, haul.exception() if haul.done() else WorkerLostError(_SLOW))
        return [
            (
                Haul(worker, empty_requests(), None, lost=self._lost[hand])
                if hand in self._lost
                else asked[hand].result()
            )
            for worker, hand in enumerate(self._active)
        ]

    def cancel(self) -> None:
        """让在跑的尽快停下；随后的 collect 仍给出已完成的行。"""
        if self._deal is not None:
            self._deal.stop()
        for hand in self._present:
            hand.cancel()

    def close(self) -> None:
        """停下在跑的，收走所有压测者。"""
        self.cancel()
        for hand in self._hands:
            hand.close()

    @property
    def _living(self) -> list[Hand]:
        """活着的。"""
        return [hand for hand in self._hands if hand not in self._dead]

    @property
    def _present(self) -> list[Hand]:
        """这一轮有份额、也还在的。"""
        return [hand for hand in self._active if hand not in self._lost]

    @property
    def _obituary(self) -> str:
        """没了的各是怎么没的。"""
        return "; ".join(self._dead.values())

    def _bury(self, hand: Hand, error: BaseException | None) -> None:
        """这一轮没有它的份了；进程或节点没了的，以后也没有。"""
        if error is None:
            return
        words = (str(error).strip().splitlines() or [""])[0]
        if isinstance(error, WorkerLostError):
            self._dead[hand] = self._lost[hand] = words
        else:
            self._lost[hand] = f"{type(error).__name__}: {words}"


_SEVERAL = 2
"""这么多个压测者起才要发号。"""
_SLICE_S = 0.5
"""每隔这么久醒一次，好让 Ctrl-C 与取消进来。"""
_ENDLESS = "it did not stop in time"
_SLOW = f"its rows did not arrive within {COLLECT_S:.0f} s"


def _await(futures: Collection[Future[Any]], limit_s: float) -> int:
    """等到全部了结或时限到；返回没了结的个数。"""
    deadline = monotonic() + limit_s
    while late := len(wait(futures, _SLICE_S).not_done):
        if monotonic() >= deadline:
            return late
    return 0


def _forget(deal: Dealer | None, position: int, _run: Future[None] | None = None) -> None:
    """这一个不会再去报到了，别的不必等它。"""
    if deal is not None:
        deal.forget(position)
