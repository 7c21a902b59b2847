"""一行一行：阶段的开始与结束，其间每隔几秒一行；没有控制字符。也有一言不发的。"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import IO, Self

from rayeval.domain.events import Event, Progress, StageFinished, StageStarted
from rayeval.pipeline.executor import Crash
from rayeval.progress.row import Row
from rayeval.progress.words import ASCII, Glyphs, clean, glyphs_of, segments, stopping
from rayeval.stopping import AGAIN, STOPPING, write_raw

PACE_S = ((60.0, 5.0), (600.0, 15.0), (math.inf, 60.0))
"""（一个阶段走到多久为止，其间至多多久一行进度），秒；阶段的开始与结束总会说。"""


def _pause_s(age_s: float) -> float:
    """一个阶段走了 `age_s` 秒时，隔多久一行：一夜的日志不该有几千行。"""
    return next(pause for until, pause in PACE_S if age_s < until)


class SilentView:
    """一言不发。"""

    def __enter__(self) -> Self:
        """无事。"""
        return self

    def __exit__(self, *_: object) -> None:
        """无事。"""

    def watch(self, scenario: str, event: Event | Crash | None) -> None:
        """听而不闻。"""


class PlainView:
    """给管道、日志与人的行。"""

    def __init__(self, stream: IO[str], rows: Iterable[Row]) -> None:
        """`stream` 收文本；画不出的字符换成问号。"""
        self._rows = {row.name: row for row in rows}
        self._said = dict.fromkeys(self._rows, float("-inf"))
        self._stream = stream
        encoding = getattr(stream, "encoding", None)
        self._encoding = encoding or "utf-8"
        self.glyphs: Glyphs = glyphs_of(encoding) if encoding else ASCII
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """此后信号来了由这里去说。"""
        self._stack.enter_context(STOPPING.told_by(self._stopping))
        return self

    def __exit__(self, *_: object) -> None:
        """不再管信号。"""
        self._stack.close()

    def watch(self, scenario: str, event: Event | Crash | None) -> None:
        """该说就说一行。"""
        row, now = self._rows[scenario], time.monotonic()
        row.take(event, now)
        match event:
            case StageStarted(stage=stage):
                self._say(row, now, "stage_started", f"{stage} started")
            case StageFinished(result=result):
                reason = f": {clean(result.reason)}" if result.reason else ""
                words = f"{result.stage} {result.status} {result.seconds:.1f} s{reason}"
                self._say(row, now, "stage_finished", words)
            case Crash():
                self._say(row, now, "crashed", f"{event.kind}: {clean(event.message)}")
            case Progress() if now - self._said[scenario] >= _pause_s(now - row.since):
                parts = [text for text, _ in segments(row, now, self.glyphs)]
                self._say(row, now, "progress", self.glyphs.dot.join(parts))
            case _:
                pass

    def _say(self, row: Row, now: float, event: str, message: str) -> None:
        """说一行。"""
        self._said[row.name] = now
        self._write(self._line(row, now, event, message))

    def _line(self, row: Row, now: float, event: str, message: str) -> str:  # noqa: ARG002
        """一行的样子。"""
        return f"{time.strftime('%H:%M:%S')} {clean(row.name)}: {message}"

    def _stop_line(self, message: str) -> str:
        """要停了的那一行。"""
        return f"{time.strftime('%H:%M:%S')} {message}"

    def _stopping(self, times: int) -> None:
        """在信号处理者里：主线程可能正写到一半，所以绕过缓冲；没有描述符的流才照常写。"""
        if times > 1:
            write_raw(2, f"rayeval: {AGAIN}\n")
            return
        line = self._stop_line(f"stopping: {stopping(self._rows.values())}")
        try:
            fd = self._stream.fileno()
        except (OSError, ValueError, io.UnsupportedOperation):
            self._write(line)
        else:
            write_raw(fd, line + "\n")

    def _write(self, line: str) -> None:
        """写一行并立刻送出，不经排版。"""
        self._stream.write(line.encode(self._encoding, "replace").decode(self._encoding) + "\n")
        self._stream.flush()
