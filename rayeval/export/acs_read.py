"""读 acs-bench 的汇总 CSV：按列名，不按位置；毫秒换成秒，−1 与空换成未定义。

认得 79 列的文件，也认得 74 列的（我们的读法：旧版没有五列 TPOT_SEC）；少哪几列都行。
"""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

from rayeval.errors import UsageError

Value = float | str | None
_REQUIRED = ("Input_Length", "Output_Length", "Concurrency")


def read_summary(source: bytes | Path) -> list[dict[str, Value]]:
    """汇总 CSV → 一行一个 cell：列名（单位一律 `(s)`）→ 数、文本或 None。

    不是汇总文件时抛 UsageError，写明缺哪一列。
    """
    data = source.read_bytes() if isinstance(source, Path) else source
    name = str(source) if isinstance(source, Path) else "summary"
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(f"{name} is not a UTF-8 CSV file: {error}; save it as one") from error
    missing = [column for column in _REQUIRED if column not in (reader.fieldnames or ())]
    if missing:
        msg = f"{name} has no column {missing[0]}; give a summary_*.csv with its header line"
        raise UsageError(msg)
    return [_row(row) for row in rows]


def _row(row: dict[str, str]) -> dict[str, Value]:
    """一行：列名归一，值归一；多出来的无名列不要。"""
    return dict(
        _cell(header.strip(), text) for header, text in row.items() if isinstance(header, str)
    )


def _cell(header: str, text: str | None) -> tuple[str, Value]:
    """一格。"""
    value = _value((text or "").strip())
    if header.endswith("(ms)"):
        header = header.removesuffix("(ms)") + "(s)"
        value = value / 1000 if isinstance(value, float) else value
    return header, value


def _value(text: str) -> Value:
    """数、文本；空、−1 与 NaN 为 None。"""
    try:
        number = float(text)
    except ValueError:
        return text or None
    return None if number == -1 or not math.isfinite(number) else number
