"""Arrow 表 → Parquet 字节：全部的行与列，请求表的 ITL 列表也在。"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq


def parquet(table: pa.Table) -> bytes:
    """一张表（可以是几个 cell 的请求接起来的）→ Parquet 文件的字节，zstd 压缩。"""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())
