"""一次次请求 → REQUESTS 表；逐批成列，长跑时内存有界。"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rayeval.domain.load import Share
from rayeval.domain.records import REQUESTS, empty_requests
from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import MAX_MESSAGE
from rayeval.perf.meaning import Meaning

_BATCH = 512
"""攒够这么多行就该成一批：约两毫秒，趁空闲做。"""
KERNEL, READ = "kernel", "read"
"""时间戳的来源：内核收包的时刻，读到的时刻。"""
_OWN = (
    *("request_id", "index", "phase", "start_s", "scheduled_s", "client_queue_s"),
    *("clock", "retries", "connection_reused"),
)
_READ_COLUMNS = tuple(name for name in Meaning._fields if name not in {"stamps", "counts"})
_NAMES = (*_OWN, *_READ_COLUMNS)
_MESSAGE = _READ_COLUMNS.index("error_message")


class Rows:
    """一个压测者的请求行。`go_s` 是公共零点的 perf_counter，`go_time` 是同一刻的墙钟。"""

    def __init__(self, share: Share, go_s: float, go_time: float) -> None:
        """备好每行都一样的列。"""
        self._go_s = go_s
        self._go_time = go_time
        self._redact = share.endpoint.redact
        self._same: dict[str, Any] = {
            "epoch": share.epoch,
            "worker": share.worker,
            "input_length": share.cell.input_length,
            "output_length": share.cell.output_length,
            "concurrency": share.cell.concurrency,
        }
        self._rows: list[tuple[Any, ...]] = []
        self._stamps: list[float] = []
        self._counts: list[int] = []
        self._batches: list[pa.RecordBatch] = []

    @property
    def overdue(self) -> bool:
        """攒得太多：一直没有空闲，只好现在做。"""
        return len(self._rows) >= 8 * _BATCH

    @property
    def ripe(self) -> bool:
        """攒够一批了。"""
        return len(self._rows) >= _BATCH

    def add(self, exchange: Exchange, meaning: Meaning) -> None:
        """加一行。错误消息里若有我们的密钥（服务会把它念回来），换成星号。"""
        start = exchange.t0_s - self._go_s
        due = exchange.scheduled_s
        *columns, stamps, counts = meaning
        if (message := meaning.error_message) is not None:
            columns[_MESSAGE] = self._redact(message)[:MAX_MESSAGE]
        self._stamps += stamps
        self._counts += counts
        self._rows.append(
            (
                exchange.request_id,
                exchange.index,
                exchange.phase,
                start,
                None if due is None else due - self._go_s,
                None if due is None else max(0.0, exchange.t0_s - due),
                KERNEL if exchange.kernel else READ,
                exchange.retries,
                exchange.reused,
                *columns,
            )
        )

    def flush(self) -> None:
        """攒着的行成一批。"""
        rows, self._rows = self._rows, []
        if not rows:
            return
        columns = dict(zip(_NAMES, map(list, zip(*rows, strict=True)), strict=True))
        start = np.array(columns["start_s"])
        end = start + np.array(columns["end_s"])
        arrays: dict[str, Any] = columns | {
            "start_time": self._go_time + start,
            "end_time": self._go_time + end,
            "end_s": end,
            "itl_s": self._gaps(np.array(columns["token_events"], dtype=np.int64)),
        }
        size = len(rows)
        self._batches.append(
            pa.RecordBatch.from_arrays(
                [
                    (
                        pa.repeat(pa.scalar(self._same[field.name], field.type), size)
                        if field.name in self._same
                        else _array(arrays.get(field.name), field.type, size)
                    )
                    for field in REQUESTS
                ],
                schema=REQUESTS,
            )
        )

    def table(self) -> pa.Table:
        """全部的行，按加入的次序。"""
        self.flush()
        if not self._batches:
            return empty_requests()
        return pa.Table.from_batches(self._batches, REQUESTS)

    def _gaps(self, events: Any) -> pa.Array:
        """各行的 ITL：把（戳，同一次读的事件数）摊开，一次算出全部间隔，行界处的丢掉。

        不到两个事件的行为 null。
        """
        stamps = np.repeat(np.array(self._stamps), np.array(self._counts, dtype=np.int64))
        self._stamps, self._counts = [], []
        number = np.maximum(events - 1, 0)
        keep = np.ones(max(0, len(stamps) - 1), dtype=bool)
        edges = np.cumsum(events)[:-1]
        edges = edges[(edges > 0) & (edges < len(stamps))]
        keep[edges - 1] = False
        gaps = np.diff(stamps)[keep].astype(np.float32)
        offsets = np.zeros(len(events) + 1, dtype=np.int32)
        np.cumsum(number, out=offsets[1:])
        mask = np.append(number == 0, False)
        return pa.ListArray.from_arrays(
            pa.array(offsets, mask=mask), pa.array(gaps), type=REQUESTS.field("itl_s").type
        )


def _array(values: Any, kind: pa.DataType, size: int) -> pa.Array:
    """一列；没有这一列就全是 null。"""
    if values is None:
        return pa.nulls(size, kind)
    if isinstance(values, pa.Array):
        return values
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:  # 服务送来了孤立的代理：换掉，不能为它丢了整批的行
        return pa.array([_utf8(value) for value in values], kind)


def _utf8(value: str | None) -> str | None:
    """UTF-8 装得下的文字。"""
    return None if value is None else value.encode("utf-8", "replace").decode("utf-8")
