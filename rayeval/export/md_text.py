"""Markdown 里的一格、一表：不可信的文字在此转义，数字在此取位。"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

from rayeval.printable import printable

MAX_TEXT = 300
_GAPS = re.compile(" {2,}")
_ESCAPES = {ord(char): f"\\{char}" for char in "\\`*|[]~$"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("@"): "&#64;",
}


def escape(text: str, limit: int = MAX_TEXT) -> str:
    """不可信的文字 → 表格单元里的一行纯文本；超过 `limit` 个字符的截短。"""
    line = _GAPS.sub(" ", printable(text)).strip()
    if len(line) > limit:
        line = line[: limit - 1] + "…"
    return line.translate(_ESCAPES).replace("://", "&#58;//")


def table(header: str, rows: Iterable[Sequence[str]]) -> list[str]:
    """一张表的各行；单元里的文字须已转义。"""
    rule = " | ".join("---" for _ in header.split(" | "))
    return [f"| {line} |" for line in (header, rule, *(" | ".join(cells) for cells in rows))]


def number(value: float | None) -> str:
    """四位有效数字；没有就是横线。"""
    return "–" if value is None or not math.isfinite(value) else f"{value:.4g}"


def percent(ratio: float) -> str:
    """比率 → 百分数。"""
    return f"{ratio:.1%}" if math.isfinite(ratio) else "–"
