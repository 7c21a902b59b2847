"""在终端有多宽就给多宽的表：几种写法，由全到简，用放得下的头一种。"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement


class Fitted:
    """画的时候才挑；都放不下就用最简的。"""

    def __init__(self, variants: Sequence[Callable[[], RenderableType]]) -> None:
        """`variants` 由全到简，至少一种。"""
        self._variants = variants

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """挑一种去画。"""
        for make in self._variants:
            chosen = make()
            wanted = Measurement.get(
                console, options.update(width=_ENDLESS, max_width=_ENDLESS), chosen
            )
            if wanted.maximum <= options.max_width:
                break
        yield chosen


_ENDLESS = 10_000
"""量一张表自己想要多宽时给它的宽。"""
