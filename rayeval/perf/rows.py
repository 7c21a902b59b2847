"""一次次请求 → REQUESTS 表；逐批成列，长跑时内存有界。"""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pyarrow as pa

from rayeval.domain.load import Share
from rayeval.domain.records import REQUESTS, empty_requests
from rayeval.perf.exchange import Exchange
from rayeval.perf.meaning import Meaning

_BATCH = 64
"""攒够这么多行就成一批：成批要占住循环约一毫秒，不可再大。"""
CLOCK = "read"
"""时间戳的来源：读到的时刻。"""
_COLUMNS = tuple(field.name for field in fields(Meaning))


class Rows:
    """一个压测者的请求行。`go_s` 是“开始”的 perf_counter，`go_time` 是同一刻的墙钟。"""

    def __init__(self, share: Share, go_s: float, go_time: float) -> None:
        """备好每行都一样的列。"""
        self._go_s = go_s
        self._go_time = go_time
        self._redact = share.endpoint.redact
        self._same = {
            "epoch": share.epoch,
            "worker": share.worker,
            "input_length": share.cell.input_length,
            "output_length": share.cell.output_length,
            "concurrency": share.cell.concurrency,
            "scheduled_s": None,
            "client_queue_s": None,
            "clock": CLOCK,
            "server_ttft_s": None,
            "server_tpot_s": None,
        }
        self._pending: list[dict[str, Any]] = []
        self._batches: list[pa.RecordBatch] = []

    def add(self, exchange: Exchange, meaning: Meaning) -> None:
        """加一行。错误消息里若有我们的密钥（服务会把它念回来），换成星号。"""
        start = exchange.t0_s - self._go_s
        row = {name: getattr(meaning, name) for name in _COLUMNS}
        end = start + row.pop("end_s")
        if row["error_message"]:
            row["error_message"] = self._redact(row["error_message"])
        row |= self._same
        row |= {
            "request_id": exchange.request_id,
            "index": exchange.index,
            "phase": exchange.phase,
            "start_time": self._go_time + start,
            "end_time": self._go_time + end,
            "start_s": start,
            "end_s": end,
            "retries": exchange.retries,
            "connection_reused": exchange.reused,
        }
        self._pending.append(row)
        if len(self._pending) >= _BATCH:
            self._flush()

    def table(self) -> pa.Table:
        """全部的行，按加入的次序。"""
        self._flush()
        if not self._batches:
            return empty_requests()
        return pa.Table.from_batches(self._batches, REQUESTS).combine_chunks()

    def _flush(self) -> None:
        """攒着的行成一批。"""
        if self._pending:
            self._batches.append(pa.RecordBatch.from_pylist(self._pending, schema=REQUESTS))
            self._pending = []
