"""REQUESTS 表 ↔ NumPy：一列一个数组（未定义为 NaN），一种行一个掩码。"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Masks:
    """各种行，长度都等于表的行数。

    `measured` 不是预热；`issued` 又不是我们自己叫停的；`success` 又成功；`flat` 是平台段
    发出的；`plateau` 是其中成功的。
    """

    measured: Mask
    issued: Mask
    success: Mask
    flat: Mask
    plateau: Mask

    @property
    def all_flat(self) -> bool:
        """成功的全在平台段：两份统计是同一份。"""
        return bool(np.array_equal(self.success, self.plateau))


def masks(table: pa.Table, *, open_loop: bool) -> Masks:
    """请求表 → 各种行；开环没有爬坡，测量的全是平台。"""
    phase, error = table["phase"], table["error_class"]
    measured = _truth(pc.not_equal(phase, "warmup"))
    failed = _truth(pc.is_valid(error))
    issued = measured & ~_truth(pc.equal(error, "cancelled")) if failed.any() else measured
    flat = issued if open_loop else issued & _truth(pc.equal(phase, "plateau"))
    return Masks(measured, issued, measured & ~failed, flat, flat & ~failed)


def floats(table: pa.Table, name: str) -> Floats:
    """一列 → float64 数组，null 成 NaN。"""
    column = table[name]
    if column.null_count == len(column):
        return np.full(len(column), np.nan)
    found = pc.cast(column, pa.float64()).to_numpy()
    return np.asarray(found, dtype=np.float64)


def total(samples: Floats) -> float:
    """和；NaN 不计。"""
    return float(np.nansum(samples))


def mean(samples: Floats) -> float | None:
    """均值；NaN 不计，没有样本为 None。"""
    kept = samples[~np.isnan(samples)]
    return float(kept.mean()) if kept.size else None


def _truth(column: pa.ChunkedArray) -> Mask:
    """布尔列 → 掩码，null 为假。"""
    filled = pc.fill_null(column, False)  # noqa: FBT003 pyarrow 的签名
    return np.asarray(filled.to_numpy(), dtype=np.bool_)
