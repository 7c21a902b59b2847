"""行 → CSV 字节：列的次序由调用者定，未定义为 −1，来路不明的文本去掉牙齿。"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rayeval.printable import printable

UNDEFINED = -1
"""未定义的数，与 acs-bench 的 CSV 一样。"""
_FORMULA = ("=", "+", "-", "@")


def plain_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    """UTF-8，换行是 LF；每行给出全部的列。"""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows({name: _cell(row[name]) for name in columns} for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def harmless(text: str) -> str:
    """一行没有控制字符的文本；会被当作公式的，前面加一个单引号。"""
    line = printable(text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA) else line


def _cell(value: object) -> object:
    """一格：数与真假原样，None 与不是有限数的为 −1。"""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return UNDEFINED
    return harmless(value) if isinstance(value, str) else value
