"""用例的时限：到点在主线程里抛 CaseTimeout，慢吞吞滴字的回复也拦得住。"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rayeval.functional.exchange import CaseTimeout


@contextmanager
def deadline(seconds: float, said: str) -> Iterator[None]:
    """`seconds` 秒后在块内抛 CaseTimeout(said)；只在主线程、只在有 SIGALRM 的系统上起作用。

    httpx 的超时按每次读计，一秒滴一个字的回复永远不超时，所以另用闹钟。
    被 C 代码堵死而收不到信号的，由 runner 的看门狗杀掉。
    """
    if (
        not hasattr(signal, "setitimer")
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ring(_signum: int, _frame: FrameType | None) -> None:
        """闹钟响了。"""
        raise CaseTimeout(said)

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 0.001))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
