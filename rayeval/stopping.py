"""要停了没有：信号在此记一笔，画进度的在此看；记的时候说一句，说法由画进度的定。"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

AGAIN = "already stopping; what was started is being cleaned up"


class Stopping:
    """Ctrl-C 与 SIGTERM 来了几次。`heard` 在信号处理者里，所以只记数、只写文件描述符。"""

    def __init__(self) -> None:
        """还没有人要停。"""
        self.times = 0
        self._tell: Callable[[int], None] = _on_stderr

    def heard(self) -> None:
        """又来了一次。"""
        self.times += 1
        self._tell(self.times)

    def reset(self) -> None:
        """从头数起。"""
        self.times = 0

    @contextmanager
    def told_by(self, tell: Callable[[int], None]) -> Iterator[None]:
        """其间由 `tell`（第几次）去说。"""
        before, self._tell = self._tell, tell
        try:
            yield
        finally:
            self._tell = before


def _on_stderr(times: int) -> None:
    """没有人画进度时：第一次不说，随后的结尾会说；再来的说一句。"""
    if times > 1:
        write_raw(2, f"\nrayeval: {AGAIN}\n")


def write_raw(fd: int, text: str) -> None:
    """不经缓冲地写，信号处理者里才可以；写不出去就算了。"""
    with suppress(OSError):
        os.write(fd, text.encode("utf-8", "replace"))


STOPPING = Stopping()
"""这个进程的。"""
