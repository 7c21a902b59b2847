"""逐题的行 → Parquet：答了什么（ANSWERS）与怎样答的（ANSWER_TIMES）分开写。

前者与分片数、快慢无关，同样的回答写出同样的字节。
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from rayeval.domain.records import ANSWER_TIMES, ANSWERS

Row = dict[str, Any]
BATCH_CHARS = 2_000_000
"""攒够这么多字就写出一批：内存有界，行数再多、回复再长也一样。"""
MOST_ROWS = 4096
_LONG = ("prompt", "reply", "reasoning")


def write_answers(rows: Iterable[Row], file: BinaryIO) -> None:
    """各题的答案与判分，按给出的次序；`score` 是 1 或 0，空串的类别写成空。"""
    _write(map(_scored, rows), ANSWERS, file)


def write_times(rows: Iterable[Row], file: BinaryIO) -> None:
    """各题由谁问、问了几次、花了多久。"""
    _write(rows, ANSWER_TIMES, file)


def scored(row: Row) -> float:
    """一行的得分：没有出错，且读出的字母与正确的相同（分大小写）。"""
    return float(row["error_class"] is None and row["simple_evals"] == row["correct"])


def _scored(row: Row) -> Row:
    """补上得分。"""
    return {**row, "score": scored(row), "kind": row["kind"] or None}


def _write(rows: Iterable[Row], schema: pa.Schema, file: BinaryIO) -> None:
    """一批一批地写；没有行也写出只有列名的文件。"""
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        for batch in _batches(iter(rows)):
            columns = {name: [row[name] for row in batch] for name in schema.names}
            writer.write_table(pa.table(columns, schema=schema))


def _batches(rows: Iterator[Row]) -> Iterator[list[Row]]:
    """分批，批的大小只由内容决定。"""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(row[name]) for name in _LONG)
        if size >= BATCH_CHARS or len(batch) >= MOST_ROWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
