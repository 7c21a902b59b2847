"""压测者的进程，从父进程这头看：一条管子，两头都是带编号的话。

子进程说 Asked（取号、等零点）与 Replied（答复），父进程说 Called（要它做的）与 Told（发号的回话）。
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import count
from multiprocessing.connection import Connection, Pipe
from typing import Any

from rayeval.domain.load import Counters, Share
from rayeval.perf.crew import Haul, WorkerLostError
from rayeval.perf.deal import Deal, Zero

_CLOSE_S = 10.0
"""关掉管子之后等进程离场这么久，秒；再不走就杀。"""
_LOST = (EOFError, OSError)
"""对面没了。"""


@dataclass(frozen=True, slots=True)
class Called:
    """父进程：请做 `method`，答复带上这个编号；`number` 为 None 时不必答。"""

    number: int | None
    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Replied:
    """子进程：`number` 号的答复；`error` 不为 None 就是没做成。"""

    number: int
    value: Any = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """子进程问发号者：`want` 个号码；None 是报到、等公共零点。"""

    want: int | None


@dataclass(frozen=True, slots=True)
class Told:
    """父进程替发号者说的；`error` 不为 None 就是发号者没了。"""

    answer: range | Zero | None
    error: Exception | None = None


class ProcessHand:
    """Hand 的实现：压测者在一个子进程里。

    父进程没了管子就断，子进程随即离场；Ctrl-C 只有父进程理会。
    """

    def __init__(self) -> None:
        """立刻起进程，不等它起来。"""
        self._pipe, theirs = Pipe()
        try:
            self._process = _start(theirs)
        finally:
            theirs.close()
        self._numbers = count()
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._lost = ""
        self._deal: Deal | None = None
        self._worker = 0
        self._listener = threading.Thread(target=self._listen, name="rayeval-hand", daemon=True)
        self._listener.start()

    def prepare(self, share: Share, deal: Deal | None) -> Future[None]:
        """见端口；发号者留在这头。"""
        self._deal, self._worker = deal, share.worker
        return self._call("prepare", share, deal is not None)

    def run(self) -> Future[None]:
        """见端口。"""
        return self._call("run")

    def counters(self) -> Future[Counters]:
        """见端口。"""
        return self._call("counters")

    def collect(self) -> Future[Haul]:
        """见端口。"""
        return self._call("collect")

    def cancel(self) -> None:
        """见端口。"""
        self._say(Called(None, "cancel"))

    def close(self) -> None:
        """见端口；断开管子，等它离场。"""
        self._say(Called(None, "leave"))
        try:
            self._process.wait(_CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._listener.join()
        self._pipe.close()

    def _call(self, method: str, *arguments: Any) -> Future[Any]:
        """请它做一件事。"""
        answer: Future[Any] = Future()
        number = next(self._numbers)
        with self._lock:
            if self._lost:
                answer.set_exception(WorkerLostError(self._lost))
                return answer
            self._waiting[number] = answer
        self._say(Called(number, method, arguments))
        return answer

    def _say(self, word: Called | Told) -> None:
        """说一句；对面没了就算了，听的线程会知道。"""
        try:
            with self._lock:
                self._pipe.send(word)
        except _LOST:
            pass

    def _listen(self) -> None:
        """听的线程：答复交给等它的人，问话转给发号者；断了就是它没了。"""
        try:
            while True:
                self._heed(self._pipe.recv())
        except _LOST:
            pass
        lost = f"its process {_ended(self._process.wait())}"
        with self._lock:
            self._lost = lost
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer.set_exception(WorkerLostError(lost))

    def _heed(self, word: Replied | Asked) -> None:
        """听到一句。等零点要等别人，另起一个线程，不耽误别的话。"""
        if isinstance(word, Asked):
            if word.want is None:
                threading.Thread(target=self._tell, args=(word,), daemon=True).start()
            else:
                self._tell(word)
            return
        with self._lock:
            answer = self._waiting.pop(word.number)
        if word.error is None:
            answer.set_result(word.value)
        else:
            answer.set_exception(word.error)

    def _tell(self, word: Asked) -> None:
        """去问发号者，把话带回来。"""
        deal = self._deal
        assert deal is not None  # noqa: S101 没有发号者就不会有人问
        try:
            answer = deal.zero(self._worker) if word.want is None else deal.take(word.want)
            self._say(Told(answer))
        except Exception as error:  # noqa: BLE001 发号者怎么没的都要让它知道
            self._say(Told(None, error))


def _start(pipe: Connection) -> subprocess.Popen[bytes]:
    """起一个压测者的进程：同样的解释器、同样的导入路径，不理会终端的信号，不占标准输出。"""
    number = pipe.fileno()
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "rayeval.perf.process_worker", str(number)],
        pass_fds=[number],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def _ended(code: int) -> str:
    """进程怎么离场的，给人看。"""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"
