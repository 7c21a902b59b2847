"""货源：几个压测者合打一场时，去发号者那里取号、等公共零点；循环只看信箱，从不等它。"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf
from queue import Empty, SimpleQueue
from time import perf_counter

from rayeval.domain.load import Share
from rayeval.perf.deal import Deal
from rayeval.perf.feeder import Feeder
from rayeval.perf.pace import ClosedPace, Pace
from rayeval.perf.poller import Poller

WINDOW_S = 0.1
"""一次取的大约是这么久里发的，秒。"""
LOOK_S = 0.25
"""轮不到许可时隔这么久问一次还有没有，秒：都做完了就不必等到有许可。"""
_BURST = 2
"""一个窗口里发得比这还少就不预取：等许可空出再问，那点工夫可以不计。"""
_PLENTY = 4
"""发号者那里多于这么多轮才预取：末尾谁也不攥着别人能做的。"""
_CLOSE_S = 5.0
"""收场时等问话的线程这么久，秒。"""

Answer = range | float | Exception | None
"""回话：号码、公共零点、发号者没了；None 是没什么可说的。"""
Ask = Callable[[], Answer]


class Supply:
    """一个压测者的货源。

    `fill` 在开跑之前；`tend` 在循环的线程里，一轮一次；问话在自己的一个线程里，
    一次只问一句。`due` 是已经听到、还没到的公共零点，没有则为 inf；
    `trouble` 是发号者没了的原话。闭环取号也等零点，开环（号码早已分好）只等零点。
    """

    def __init__(
        self, deal: Deal, share: Share, pace: Pace, feeder: Feeder, poller: Poller
    ) -> None:
        """还没有问过。"""
        self.due = inf
        self.trouble = ""
        self._deal = deal
        self._worker = share.worker
        self._total = self._there = share.cell.num_requests
        self._plenty = _PLENTY * share.schedule.whole.peak
        self._initial = share.schedule.permits_at(0.0)
        self._pace = pace
        self._closed = pace if isinstance(pace, ClosedPace) else None
        self._feeder = feeder
        self._poller: Poller | None = poller
        self._lock = threading.Lock()
        self._asks: SimpleQueue[Ask | None] = SimpleQueue()
        self._inbox: deque[range | float | Exception] = deque()
        self._thread = threading.Thread(target=self._talk, name="rayeval-supply", daemon=True)
        self._arrived = self._asking = self._resting = False
        self._taken = self._mark = self._last = 0
        self._mark_at = 0.0

    def fill(self) -> None:
        """开跑之前取够开头的许可要用的；会阻塞。"""
        closed = self._closed
        while closed is not None and closed.more and closed.stocked < self._initial:
            self._accept(self._deal.take(self._initial - closed.stocked))

    def start(self) -> None:
        """可以问话了。"""
        self._thread.start()

    def tend(self, now: float) -> None:
        """看信箱；零点之前垫场、报到，之后按需取号。"""
        while self._inbox:
            self._hear(self._inbox.popleft(), now)
        if self._pace.zero is None:
            self._approach(now)
        if self._closed is not None and self._closed.zero is not None:
            self._restock(self._closed, now)

    def close(self) -> None:
        """不再问，也不再叫醒循环；正在问的那句等它一会儿。"""
        with self._lock:
            self._poller = None
        self._asks.put(None)
        if self._thread.ident is not None:
            self._thread.join(_CLOSE_S)

    def _approach(self, now: float) -> None:
        """零点之前：预热完了就报到，等的时候不空出许可；零点到了就开始。"""
        if now >= self.due:
            self._pace.begin(self.due)
            self.due = inf
            self._mark, self._mark_at = self._initial, now  # 开头的一批不算速率
            return
        if not self._arrived and self._pace.ready:
            self._arrived = True
            self._asks.put(self._zero)
        if self._closed is not None and self._arrived:
            padding = self._closed.padding
            self._closed.pad(padding)
            for _ in range(padding):
                self._feeder.filler()

    def _restock(self, closed: ClosedPace, now: float) -> None:
        """许可空着就取；发得快就预取，一次约一个窗口的量。"""
        if self._asking or not closed.more:
            return
        issued = self._taken - closed.stocked
        passed = now - self._mark_at
        if passed >= WINDOW_S:
            self._last = int((issued - self._mark) * WINDOW_S / passed)
            self._mark, self._mark_at = issued, now
        lease = max(self._last, issued - self._mark) if self._there > self._plenty else 0
        free = closed.free(now)
        short = free - closed.stocked
        self._resting = not free
        if short > 0:
            self._ask(max(short, lease))
        elif lease >= _BURST and 2 * closed.stocked < lease:
            self._ask(lease)

    def _ask(self, want: int) -> None:
        """问一句，不等回话。"""
        self._asking = True
        self._asks.put(partial(self._deal.take, want))

    def _hear(self, answer: range | float | Exception, now: float) -> None:
        """信箱里的一句。"""
        if isinstance(answer, range):
            self._asking = False
            self._accept(answer)
        elif isinstance(answer, float):
            self.due = answer
        else:
            self.trouble = f"{type(answer).__name__}: {answer}"
            self._pace.stop(now)

    def _accept(self, numbers: range) -> None:
        """取到的号码归我们；空的是再也没有了。"""
        self._there = self._total - numbers.stop
        self._taken += len(numbers)
        if numbers:
            self._feeder.add("measured", numbers)
        if self._closed is not None:
            self._closed.stock(len(numbers))

    def speak(self, patience_s: float) -> bool:
        """在问话的线程里：问一句，回话放进信箱并叫醒循环；返回还会不会有话要问。

        `patience_s` 之内没有要问的，轮不到许可时就只问还有没有。
        """
        try:
            ask = self._asks.get(timeout=patience_s)
        except Empty:
            ask = self._look if self._resting else _nothing
        if ask is None:
            return False
        answer = _answer(ask)
        if answer is not None:
            self._inbox.append(answer)
            with self._lock:
                if self._poller is not None:
                    self._poller.wake()
        return True

    def _talk(self) -> None:
        """问话的线程。"""
        while self.speak(LOOK_S):
            pass

    def _look(self) -> range | None:
        """只问还有没有；没有了才值得一说。"""
        found = self._deal.take(0)
        return found if found.start >= self._total else None

    def _zero(self) -> float:
        """等公共零点：本机单调钟上的时刻。"""
        return self._deal.zero(self._worker).local(perf_counter())


def _nothing() -> None:
    """没有要问的。"""


def _answer(ask: Ask) -> Answer:
    """问一句；发号者没了，异常就是回话。"""
    try:
        return ask()
    except Exception as error:  # noqa: BLE001 发号者怎么没的都要让循环知道
        return error
