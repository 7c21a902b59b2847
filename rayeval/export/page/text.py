"""页面上的数：按大小取位，未定义写横线。"""

from __future__ import annotations

import math

NONE = "–"


def milliseconds(seconds: float | None) -> str:
    """秒 → 毫秒，按大小取位。"""
    return figures(None if seconds is None else seconds * 1000)


def figures(value: float | None) -> str:
    """一个数：大的不要小数，小的多给几位。"""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    places = 0 if size >= 1000 else 1 if size >= 100 else 2 if size >= 1 else 3  # noqa: PLR2004
    return f"{value:,.{places}f}"


def percent(ratio: float | None) -> str:
    """比率 → 百分数。"""
    return NONE if ratio is None or not math.isfinite(ratio) else f"{ratio * 100:.1f} %"


def change(ratio: float | None) -> str:
    """相对变化，带号。"""
    return NONE if ratio is None or not math.isfinite(ratio) else f"{ratio * 100:+.1f} %"


def size(number: int) -> str:
    """字节数。"""
    for unit, step in (("B", 1), ("KiB", 1024), ("MiB", 1024**2)):
        if number < step * 1024:
            return f"{number / step:.0f} {unit}"
    return f"{number / 1024**3:.1f} GiB"
