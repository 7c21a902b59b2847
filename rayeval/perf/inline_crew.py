"""进程内的压测组：一个压测者一个线程。"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from rayeval.domain.load import Counters, Share
from rayeval.domain.records import empty_requests
from rayeval.perf.crew import Haul
from rayeval.perf.worker import LoadWorker

_SWITCH_S = 0.0005
"""测量时线程切换的间隔：默认的 5 ms 会让画进度的线程把循环拖住那么久。"""


class InlineCrew:
    """LoadCrew 的进程内实现，用 `inline_crew` 得到它。"""

    def __init__(self, size: int) -> None:
        """备好 `size` 个压测者与线程。"""
        self._workers = [LoadWorker() for _ in range(size)]
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="rayeval-load")
        self._shares: Sequence[Share] = ()
        self._runs: list[Future[None]] = []

    @property
    def size(self) -> int:
        """压测者个数。"""
        return len(self._workers)

    def prepare(self, shares: Sequence[Share]) -> None:
        """见端口。"""
        self._shares, self._runs = shares, []
        futures = [
            self._threads.submit(worker.prepare, share)
            for worker, share in zip(self._workers, shares, strict=False)
        ]
        wait(futures)
        for future in futures:
            future.result()

    def go(self) -> None:
        """见端口。"""
        self._runs = [self._threads.submit(worker.run) for worker in self._active]

    def wait(self, timeout_s: float) -> bool:
        """见端口。"""
        return not wait(self._runs, timeout_s).not_done

    def counters(self) -> Counters:
        """见端口。"""
        return sum((worker.counters() for worker in self._active), Counters())

    def collect(self) -> list[Haul]:
        """见端口。"""
        return [self._haul(position) for position in range(len(self._active))]

    def cancel(self) -> None:
        """见端口。"""
        for worker in self._active:
            worker.cancel()

    def close(self) -> None:
        """停下在跑的，收掉线程与连接。"""
        self.cancel()
        wait(self._runs)
        self._threads.shutdown(cancel_futures=True)
        for worker in self._workers:
            worker.close()

    @property
    def _active(self) -> list[LoadWorker]:
        """这一轮有份额的压测者。"""
        return self._workers[: len(self._shares)]

    def _haul(self, position: int) -> Haul:
        """一个压测者的收获；它出了岔子就是失联，说明原因。"""
        error = self._runs[position].exception() if self._runs else None
        if error is None:
            return self._workers[position].collect()
        reason = f"{type(error).__name__}: {error}"
        return Haul(self._shares[position].worker, empty_requests(), None, lost=reason)


@contextmanager
def inline_crew(size: int) -> Iterator[InlineCrew]:
    """`size` 个压测者的组；离开时全部收走。期间缩短线程切换的间隔。"""
    crew = InlineCrew(size)
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH_S)
    try:
        yield crew
    finally:
        sys.setswitchinterval(before)
        crew.close()
