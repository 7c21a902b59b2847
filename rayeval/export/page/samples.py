"""一个 cell 的原始行 → NumPy 的列；百万行也只走列，不走 Python 的循环。"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayeval.domain.records import of_cell
from rayeval.domain.report import CellSummary
from rayeval.export.acs_csv import per_token

Floats = npt.NDArray[np.floating[Any]]
Mask = npt.NDArray[np.bool_]
FAMILIES = ("ttft", "tpot", "itl", "e2e")
"""画分布的几族延迟。"""
COLUMNS = (
    *("input_length", "output_length", "concurrency", "epoch", "phase", "error_class"),
    *("start_s", "end_s", "ttft_s", "last_token_s", "e2e_s", "itl_s"),
    *("completion_tokens", "token_events"),
)
"""请求表里画页面要用的列。"""


@dataclass(frozen=True, slots=True)
class Samples:
    """一个 cell 测量段发出的请求，一行一个；时间是秒，未定义为 NaN。

    `start`、`end` 自各 epoch 的零点起；`error` 的空串是成功；`itl` 是成功者的全部间隔。
    """

    epoch: npt.NDArray[np.int64]
    start: Floats
    end: Floats
    ttft: Floats
    tpot: Floats
    e2e: Floats
    itl: Floats
    error: npt.NDArray[np.str_]

    @property
    def success(self) -> Mask:
        """成功的行。"""
        return np.asarray(self.error == "", dtype=np.bool_)

    def family(self, name: str) -> Floats:
        """一族延迟里成功者的样本。"""
        if name == "itl":
            return self.itl
        values: Floats = getattr(self, name)
        return values[self.success & ~np.isnan(values)]

    def failures(self) -> Iterator[tuple[str, Floats]]:
        """每种失败各在何时结束。"""
        for kind in np.unique(self.error):
            if kind:
                yield str(kind), self.end[self.error == kind]


def cell_samples(table: pa.Table | None, cell: CellSummary) -> Samples | None:
    """请求表 → 一个 cell 测量段的列；没有表、没有行则为 None。我们自己叫停的不算。"""
    if table is None:
        return None
    rows = of_cell(table, cell.input_length, cell.output_length, cell.concurrency, measured=True)
    if not rows.num_rows:
        return None
    ttft = rows["ttft_s"]
    span = pc.subtract(rows["last_token_s"], ttft)
    tpot = per_token(span, rows["completion_tokens"], rows["token_events"], skip=1)
    good = rows.filter(pc.is_null(rows["error_class"]))
    return Samples(
        epoch=np.asarray(pc.fill_null(rows["epoch"], 0).to_numpy(), dtype=np.int64),
        start=_floats(rows["start_s"]),
        end=_floats(rows["end_s"]),
        ttft=_floats(ttft),
        tpot=_floats(tpot),
        e2e=_floats(rows["e2e_s"]),
        itl=np.asarray(pc.list_flatten(good["itl_s"]).to_numpy()),
        error=np.asarray(pc.fill_null(rows["error_class"], "").to_numpy(), dtype=np.str_),
    )


def _floats(column: pa.ChunkedArray) -> Floats:
    """一列 → float64，null 成 NaN。"""
    if column.null_count == len(column):
        return np.full(len(column), np.nan)
    return np.asarray(pc.cast(column, pa.float64()).to_numpy(), dtype=np.float64)
