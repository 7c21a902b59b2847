"""进程内执行者：没有 Ray，同样的端口；测试、覆盖率、调试器与小活用它。"""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TypeVar

from rayeval.perf.crew import LoadCrew
from rayeval.perf.inline_crew import inline_crew
from rayeval.pipeline.executor import Crash, Emission, Kind, Profile

T = TypeVar("T")
E = TypeVar("E")

BUFFER = 16
"""每次 fan_out 里生产者最多超前的事件数。"""
PATIENCE_S = 10.0
"""取消之后等各线程收场的时限，秒。"""
_DEFAULT_WIDTH = 4


class InlineExecutor:
    """在本进程里跑；场景逐个跑在调用者的线程，套件与分片各占一个线程。"""

    def fan_out(
        self,
        fn: Callable[[T], Iterator[E]],
        items: Sequence[T],
        profile: Profile,
        *,
        pulse: Callable[[], None] = lambda: None,
    ) -> Iterator[Emission[T, E]]:
        """见端口。场景要收 Ctrl-C 并起子进程，所以不离开主线程。"""
        if profile.kind is Kind.SCENARIO:
            for index, item in enumerate(items):
                yield from _walk(fn, index, item)
        else:
            width = min(profile.width or _DEFAULT_WIDTH, len(items))
            yield from _threads(fn, items, width, pulse)

    def crew(self, workers: int) -> AbstractContextManager[LoadCrew]:
        """见端口。"""
        return inline_crew(workers)

    def cores(self) -> int:
        """见端口。"""
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1

    def host(self) -> str:
        """见端口。"""
        return "127.0.0.1"

    def nodes(self) -> int:
        """见端口。"""
        return 1


def _walk(fn: Callable[[T], Iterator[E]], index: int, item: T) -> Iterator[Emission[T, E]]:
    """跑一件：事件原样，异常折成 Crash，最后是结束。"""
    try:
        for event in fn(item):
            yield Emission(index, item, event=event)
    except Exception as error:  # noqa: BLE001 任何异常都只是这一件的崩溃
        yield Emission(index, item, crash=crash_of(error))
    else:
        yield Emission(index, item)


def crash_of(error: BaseException) -> Crash:
    """异常 → Crash。"""
    text = "".join(traceback.format_exception(error))
    return Crash("exception", f"{type(error).__name__}: {error}", text)


def _threads(
    fn: Callable[[T], Iterator[E]], items: Sequence[T], width: int, pulse: Callable[[], None]
) -> Iterator[Emission[T, E]]:
    """`width` 个线程分食 items，经一个有界队列送出；关闭时让它们尽快停。

    线程可能正卡在一个挂死的服务上：等到 PATIENCE_S 就不再等，它们是守护线程。
    """
    todo = iter(list(enumerate(items)))
    lock, stop = threading.Lock(), threading.Event()
    out: queue.Queue[Emission[T, E]] = queue.Queue(BUFFER)

    def work() -> None:
        """一个线程：取一件，跑完，再取。"""
        while not stop.is_set():
            with lock:
                index, item = next(todo, (-1, None))
            if index < 0:
                return
            _relay(_walk(fn, index, item), out, stop)  # type: ignore[arg-type]

    threads = [
        threading.Thread(target=work, name=f"rayeval-inline-{n}", daemon=True) for n in range(width)
    ]
    for thread in threads:
        thread.start()
    try:
        left = len(items)
        while left:
            pulse()
            try:
                emission = out.get(timeout=0.5)
            except queue.Empty:
                continue
            left -= emission.ended or emission.crash is not None
            yield emission
    finally:
        stop.set()
        deadline = time.monotonic() + PATIENCE_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))


def _relay(
    emissions: Iterator[Emission[T, E]], out: queue.Queue[Emission[T, E]], stop: threading.Event
) -> None:
    """把一件的消息放进队列；要停时关掉它的生成器。"""
    for emission in emissions:
        while not stop.is_set():
            try:
                out.put(emission, timeout=0.2)
                break
            except queue.Full:
                continue
        if stop.is_set():
            emissions.close()  # type: ignore[attr-defined]
            return
