"""列表列里许多样本的统计：不拼接、不排序、不另存一份，两遍扫过就得到精确的次序统计量。

float32 的位样式按无符号数比大小与它的数值同序（负数要翻转），于是第一遍按高 16 位计数，
第二遍只在要找的次序所落的那几格里按低 16 位计数。三千万个样本也只要几十 MB。
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from rayeval.domain.report import NO_STATS, Stats

Mask = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

_ROWS = 32_768
"""一口看这么多行：三十来个间隔一行时约四兆字节，缓存里放得下大半。"""
_HALF = 1 << 16
_LOW = np.uint32(_HALF - 1)
_SHIFT = np.uint32(16)
_SIGN = np.uint32(1 << 31)


def describe_lists(column: pa.ChunkedArray, wanted: Mask, quantiles: Sequence[float]) -> Stats:
    """`wanted` 各行的列表（float32）摊平后的统计；分位数线性插值，`quantiles` 在 0 到 1。

    依次填 Stats 的 p50 p75 p90 p95 p99。没有样本时 n 为 0；列表里不可有 NaN 与空值。
    """
    highs = np.zeros(_HALF, np.int64)
    amount, lowest, highest = 0.0, np.inf, -np.inf
    for piece in _pieces(column, wanted):
        highs += np.bincount(_ordered(piece) >> _SHIFT, minlength=_HALF)
        amount += float(piece.sum(dtype=np.float64))
        lowest, highest = min(lowest, float(piece.min())), max(highest, float(piece.max()))
    n = int(highs.sum())
    if not n:
        return NO_STATS
    places = [(n - 1) * q for q in quantiles]
    ranks = np.unique([r for place in places for r in (int(place), min(int(place) + 1, n - 1))])
    found = dict(zip(ranks.tolist(), _select(column, wanted, highs, ranks), strict=True))
    points = [_between(found, place, n) for place in places]
    average = min(highest, max(lowest, amount / n))
    return Stats(n, lowest, average, highest, *points)


def _between(found: dict[int, float], place: float, n: int) -> float:
    """两个次序统计量之间线性插值。"""
    low = int(place)
    first, second = found[low], found[min(low + 1, n - 1)]
    return first + (second - first) * (place - low)


def _select(
    column: pa.ChunkedArray, wanted: Mask, highs: Counts, ranks: npt.NDArray[np.int64]
) -> list[float]:
    """升序的各次序（从 0 起）→ 那个次序上的样本。"""
    ends = np.cumsum(highs)
    cells = np.searchsorted(ends, ranks, side="right")
    slots, which = np.unique(cells, return_inverse=True)
    lows = _count_lows(column, wanted, slots)
    found = np.empty(len(ranks), np.uint32)
    for place, (rank, slot) in enumerate(zip(ranks, which, strict=True)):
        cell = slots[slot]
        inside = rank - (ends[cell] - highs[cell])
        low = np.searchsorted(np.cumsum(lows[slot]), inside, side="right")
        found[place] = (cell << 16) | low
    return [float(value) for value in _restored(found)]


def _count_lows(column: pa.ChunkedArray, wanted: Mask, slots: npt.NDArray[np.int64]) -> Counts:
    """第二遍：落在 `slots` 各格里的样本按低 16 位计数，一格一行。"""
    slot_of = np.full(_HALF, -1, np.int32)
    slot_of[slots] = np.arange(len(slots))
    lows = np.zeros(len(slots) * _HALF, np.int64)
    for piece in _pieces(column, wanted):
        keys = _ordered(piece)
        slot = slot_of[keys >> _SHIFT]
        inside = slot >= 0
        if inside.any():
            kept = (slot[inside].astype(np.int64) << 16) + (keys[inside] & _LOW)
            np.add.at(lows, kept, 1)
    return lows.reshape(len(slots), _HALF)


def _pieces(column: pa.ChunkedArray, wanted: Mask) -> Iterator[npt.NDArray[np.float32]]:
    """一口一口的样本；整口都要而没有空列表时不复制。"""
    offset = 0
    for chunk in column.chunks:
        for begin in range(0, len(chunk), _ROWS):
            lists = chunk.slice(begin, _ROWS)
            mask = wanted[offset + begin : offset + begin + len(lists)]
            if not mask.any():
                continue
            values = lists.flatten().to_numpy(zero_copy_only=False)
            if not mask.all():
                lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
                values = values[np.repeat(mask, lengths)]
            if values.size:
                yield values
        offset += len(chunk)


def _ordered(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint32]:
    """与数值同序的无符号数：非负的翻转符号位，负的整个翻转。"""
    bits = values.view(np.uint32)
    negative = bits >= _SIGN
    return np.where(negative, ~bits, bits | _SIGN) if negative.any() else bits | _SIGN


def _restored(keys: npt.NDArray[np.uint32]) -> npt.NDArray[np.float32]:
    """`_ordered` 的逆。"""
    return np.where(keys >= _SIGN, keys & ~_SIGN, ~keys).astype(np.uint32).view(np.float32)
