"""压测者的进程本身：`python -m rayeval.perf.process_worker 管子的描述符`；断了管子就离场。"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from rayeval.errors import InfrastructureError, RayevalError
from rayeval.perf.deal import Zero
from rayeval.perf.inline_crew import SWITCH_S, ThreadHand
from rayeval.perf.process_hand import Asked, Called, Replied, Told


class PipeDeal:
    """Deal 的实现：问父进程那头的发号者。一次问一句，货源的线程本就如此。"""

    def __init__(self, mouth: Mouth) -> None:
        """还没有问过。"""
        self._mouth = mouth
        self.told: SimpleQueue[Told] = SimpleQueue()

    def take(self, want: int) -> range:
        """见端口。"""
        answer = self._ask(want)
        assert isinstance(answer, range)  # noqa: S101 问的是号码
        return answer

    def zero(self, worker: int) -> Zero:  # noqa: ARG002 父进程知道是谁
        """见端口。"""
        answer = self._ask(None)
        assert isinstance(answer, Zero)  # noqa: S101 问的是零点
        return answer

    def _ask(self, want: int | None) -> range | Zero | None:
        """问一句，等回话。"""
        self._mouth.say(Asked(want))
        told = self.told.get()
        if told.error is not None:
            raise told.error
        return told.answer


class Mouth:
    """往父进程说话；几个线程都说，一句一句来。"""

    def __init__(self, pipe: Connection) -> None:
        """接上管子。"""
        self._pipe = pipe
        self._lock = threading.Lock()

    def say(self, word: Asked | Replied) -> None:
        """说一句；父进程没了就无所谓了。"""
        try:
            with self._lock:
                self._pipe.send(word)
        except OSError:
            pass

    def reply(self, number: int, done: Future[Any]) -> None:
        """`number` 号有了结果。"""
        error = done.exception()
        if error is None:
            self.say(Replied(number, done.result()))
        elif isinstance(error, RayevalError):
            self.say(Replied(number, error=error))
        else:  # 别人的异常未必能过管子
            words = f"{type(error).__name__}: {error}"
            self.say(Replied(number, error=InfrastructureError(words)))


def serve(pipe: Connection) -> None:
    """照父进程说的做，直到它说离场或没了。活在 ThreadHand 的线程里跑，这里只听。"""
    hand, mouth = ThreadHand(), Mouth(pipe)
    deal = PipeDeal(mouth)
    while True:
        try:
            word: Called | Told = pipe.recv()
        except (EOFError, OSError):
            os._exit(1)  # 没有人等结果了，在跑的也不必收场
        if isinstance(word, Told):
            deal.told.put(word)
        elif word.method == "leave":
            deal.told.put(Told(None, InfrastructureError("the crew was closed")))
            hand.close()
            return
        elif word.method == "cancel":
            hand.cancel()
        else:
            number = word.number
            assert number is not None  # noqa: S101 要答复的都有编号
            _do(hand, word, deal).add_done_callback(partial(mouth.reply, number))


def _do(hand: ThreadHand, word: Called, deal: PipeDeal) -> Future[Any]:
    """把一件事交给压测者。"""
    if word.method == "prepare":
        share, dealt = word.arguments
        return hand.prepare(share, deal if dealt else None)
    jobs: Mapping[str, Callable[[], Future[Any]]] = {
        "run": hand.run,
        "counters": hand.counters,
        "collect": hand.collect,
    }
    return jobs[word.method]()


def main() -> None:
    """进程的入口；Ctrl-C 由父进程理会。"""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.setswitchinterval(SWITCH_S)
    with Connection(int(sys.argv[1])) as pipe:
        serve(pipe)


if __name__ == "__main__":
    main()
