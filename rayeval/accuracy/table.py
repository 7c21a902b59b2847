"""CSV 字节 → 行：列要齐、格子要满；所有问题一次说全，绝不引用题面。"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from rayeval.accuracy.dataset import problem
from rayeval.errors import ConfigError, Problem

Row = dict[str, str]


def read_rows(raw: bytes, where: str, required: Sequence[str]) -> list[Row]:
    """UTF-8 的 CSV（可带 BOM）→ 各行，文本原样。

    缺列、空格子、多出的格子、没有题、不是 CSV 都抛 ConfigError，`where` 是写进错误里的文件名。
    """
    try:
        text = raw.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = reader.fieldnames or []
        missing = [name for name in required if name not in columns]
        if missing:
            raise problem(where, "dataset", _lacks(missing, required))
        rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise problem(where, "dataset", f"not a CSV file in UTF-8: {_reason(error)}") from None
    found = [_row_problem(where, line, row, required) for line, row in rows]
    if problems := [flaw for flaw in found if flaw is not None]:
        raise ConfigError(problems)
    if not rows:
        raise problem(where, "dataset", "the file has a header but no questions; add rows to it")
    return [row for _, row in rows]


def _lacks(missing: Sequence[str], required: Sequence[str]) -> str:
    """缺哪些列；一列也没有的，多半根本不是题目。"""
    names = ", ".join(missing)
    if len(missing) == len(required):
        return f"not a CSV of questions: its first line has none of the columns {names}"
    return f"missing columns: {names}; add them to the header"


def _reason(error: Exception) -> str:
    """为什么读不懂；解码的错会引用原文，只取它的理由。"""
    return error.reason if isinstance(error, UnicodeDecodeError) else str(error)


def _row_problem(where: str, line: int, row: Row, required: Sequence[str]) -> Problem | None:
    """一行的毛病：格子空着，或逗号没加引号以致多出格子；没有则为 None。"""
    empty = [name for name in required if not (row[name] or "").strip()]
    if empty:
        message = "this row has no text here; fill it in or remove the row"
        return Problem(where, line, 1, ", ".join(empty), message)
    if None in row:
        message = "this row has more fields than the header; quote the text that contains commas"
        return Problem(where, line, 1, "dataset", message)
    return None
