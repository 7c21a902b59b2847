"""终端上的活表：事件来了只改账，画由定时刷新去做；收起时不留一行。"""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Self

from rich.console import Console, Group
from rich.live import Live

from rayeval.domain.events import Event
from rayeval.pipeline.executor import Crash
from rayeval.progress.layout import Window, picture
from rayeval.progress.row import Row
from rayeval.progress.words import glyphs_of
from rayeval.stopping import STOPPING

REFRESH_HZ = 4


class LiveView:
    """场景一行，在跑的其下有详情，末行总计。"""

    def __init__(self, console: Console, rows: Iterable[Row]) -> None:
        """每个场景一行，还没开始。"""
        self._rows = {row.name: row for row in rows}
        self._console = console
        self._glyphs = glyphs_of(console.encoding)
        self._began = time.monotonic()
        self._stack = ExitStack()
        self._live = Live(
            console=console,
            get_renderable=self.frame,
            refresh_per_second=REFRESH_HZ,
            transient=True,
            vertical_overflow="crop",
        )

    def __enter__(self) -> Self:
        """开始画；此后信号来了由表里的一行去说。"""
        self._stack.enter_context(STOPPING.told_by(lambda _: None))
        self._stack.callback(self._console.show_cursor)
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """收起：最后的表接着就来。无论如何光标要回来。"""
        with self._stack:
            self._live.stop()

    def watch(self, scenario: str, event: Event | Crash | None) -> None:
        """记进一行的账。"""
        self._rows[scenario].take(event, time.monotonic())

    def frame(self) -> Group:
        """此刻的表。"""
        size, now = self._console.size, time.monotonic()
        window = Window(
            size.width, size.height, self._glyphs, now, self._began, stops=STOPPING.times
        )
        return Group(*picture(list(self._rows.values()), window))
