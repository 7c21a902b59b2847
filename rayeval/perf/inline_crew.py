"""本机的压测组：一个压测者是本进程的一个线程，几个就各是一个进程。"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager

from rayeval.domain.load import Counters, Share
from rayeval.perf.crew import Hand, Haul, LoadCrew
from rayeval.perf.deal import Deal, SharedDeal
from rayeval.perf.worker import LoadWorker

SWITCH_S = 0.0005
"""测量时线程切换的间隔：默认的 5 ms 会让画进度的线程把循环拖住那么久。"""


class ThreadHand:
    """Hand 的实现：压测者在本进程的一个线程里。"""

    def __init__(self) -> None:
        """备好压测者与线程。"""
        self._worker = LoadWorker()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="rayeval-load")

    def prepare(self, share: Share, deal: Deal | None) -> Future[None]:
        """见端口。"""
        return self._thread.submit(self._worker.prepare, share, deal)

    def run(self) -> Future[None]:
        """见端口。"""
        return self._thread.submit(self._worker.run)

    def counters(self) -> Future[Counters]:
        """见端口；就在调用者的线程里答。"""
        found: Future[Counters] = Future()
        found.set_result(self._worker.counters())
        return found

    def collect(self) -> Future[Haul]:
        """见端口。"""
        return self._thread.submit(self._worker.collect)

    def cancel(self) -> None:
        """见端口。"""
        self._worker.cancel()

    def close(self) -> None:
        """见端口；等在跑的停下。"""
        self._worker.cancel()
        self._thread.shutdown(cancel_futures=True)
        self._worker.close()


@contextmanager
def inline_crew(size: int) -> Iterator[LoadCrew]:
    """`size` 个压测者的组；离开时全部收走。期间缩短线程切换的间隔。

    独自一个时在本进程的线程里：调试器与覆盖率看得见，也最快就绪；几个则各是一个进程，
    这样才用得上几个核。
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    crew = LoadCrew(_hands(size), SharedDeal)
    try:
        yield crew
    finally:
        sys.setswitchinterval(before)
        crew.close()


def _hands(size: int) -> list[Hand]:
    """一个线程，或几个进程。"""
    if size == 1:
        return [ThreadHand()]
    from rayeval.perf.process_hand import ProcessHand

    return [ProcessHand() for _ in range(size)]
