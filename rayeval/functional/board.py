"""各工人进程共看的一块板：下一个该跑谁、连着几个用例没等到服务、谁在写。"""

from __future__ import annotations

import fcntl
import mmap
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_WITHDRAWN = -1
_LAYOUT = struct.Struct("<qqq")


class Board:
    """fork 之前造好，之后父子共用；一个进程被杀，它握着的锁由系统放开。"""

    def __init__(self) -> None:
        """一块空板：没有号可发。"""
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 与进程同寿
        self._map = mmap.mmap(-1, _LAYOUT.size)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """一时只有一个进程在里面；不可重入。"""
        fcntl.lockf(self._file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN)

    def offer(self, count: int) -> None:
        """发 0 到 count − 1 号，接在已发完的一轮之后；收回过就不再发。"""
        if not self.withdrawn:
            self._write(0, count, self._read()[2])

    def take(self) -> int | None:
        """领下一个号；发完了则 None。"""
        with self.lock():
            number, count, stalled = self._read()
            if number >= count:
                return None
            self._write(number + 1, count, stalled)
            return number

    @property
    def left(self) -> int:
        """还有几个号没人领。"""
        number, count, _ = self._read()
        return max(0, count - number)

    def withdraw(self) -> None:
        """余下的号都不发了，往后也不发。"""
        with self.lock():
            self._write(0, _WITHDRAWN, self._read()[2])

    @property
    def withdrawn(self) -> bool:
        """已经说过不再发。"""
        return self._read()[1] == _WITHDRAWN

    def count_stalled(self, *, stalled: bool) -> int:
        """记一个用例的结局，返回连着几个没等到服务；等到了的把它清零。"""
        with self.lock():
            number, count, before = self._read()
            after = before + 1 if stalled else 0
            self._write(number, count, after)
            return after

    def _read(self) -> tuple[int, int, int]:
        """下一个号、总数、连着没等到的个数。"""
        number, count, stalled = _LAYOUT.unpack_from(self._map)
        return number, count, stalled

    def _write(self, number: int, count: int, stalled: int) -> None:
        """写回三个数。"""
        _LAYOUT.pack_into(self._map, 0, number, count, stalled)
