"""Markdown 里的一格、一表：不可信的文字在此转义，数字在此取位。"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence

MAX_TEXT = 300
# 控制字符、零宽与改变书写方向的字符：看不见，却能让读者看错
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ud800-\udfff\ufeff]+"
)
_ESCAPES = {ord(char): f"\\{char}" for char in "\\`*|[]~$"} | {
    ord("<"): "&lt;",
    ord(">"): "&gt;",
    ord("&"): "&amp;",
    ord("@"): "&#64;",
}


def escape(text: str, limit: int = MAX_TEXT) -> str:
    """不可信的文字 → 表格单元里的一行纯文本；超过 `limit` 个字符的截短。"""
    line = _INVISIBLE.sub(" ", text).strip()
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
