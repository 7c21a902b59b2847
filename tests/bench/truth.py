"""服务自己的真值：按列名读，不论是内置服务的日志还是别家的；再与客户端的行按请求号相配。"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from tests.bench.child import Row

COLUMNS = ("request_id", "t_req", "t_first", "t_last", "t_done", "tokens")
_NS = 1_000_000_000


class Truth(NamedTuple):
    """服务一侧的一个请求，CLOCK_MONOTONIC 秒。"""

    asked: float
    ttft_s: float
    span_s: float
    e2e_s: float
    tokens: int


class Honesty(NamedTuple):
    """客户端报的减去真值（秒），ITL 均值之比，以及服务有请求在手的流·秒。"""

    ttft_mean_s: float
    ttft_p50_s: float
    ttft_p99_s: float
    itl_ratio: float
    busy_s: float
    joined: int


def read_truth(path: Path) -> dict[str, Truth]:
    """CSV → 请求号到真值；多出的列不看，没有走完的请求不要；缺列抛 ValueError。"""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            raise ValueError(f"{path}: no column {', '.join(missing)}; give the log of the service")
        return dict(pair for line in reader if (pair := _truth(line)) is not None)


def _truth(line: Mapping[str, str | None]) -> tuple[str, Truth] | None:
    try:  # 服务还在写时，最后一行可能只有一半
        asked, first, last, done, tokens = (int(line[name] or "") for name in COLUMNS[1:])
    except ValueError:
        return None
    if not (line["request_id"] and first and done):
        return None
    span, whole = (last - first) / _NS, (done - asked) / _NS
    return line["request_id"], Truth(asked / _NS, (first - asked) / _NS, span, whole, tokens)


def compare(rows: Iterable[Row], truth: Mapping[str, Truth]) -> Honesty | None:
    """逐请求相配；一个也配不上为 None。"""
    pairs = [
        (row, row.ttft_s, truth[row.request_id])
        for row in rows
        if row.ttft_s is not None and row.request_id in truth
    ]
    if not pairs:
        return None
    errors = sorted(ttft_s - true.ttft_s for _, ttft_s, true in pairs)
    gaps = sum(row.events - 1 for row, _, _ in pairs)
    true_gaps = sum(true.tokens - 1 for _, _, true in pairs)
    seen = sum(row.span_s for row, _, _ in pairs)
    happened = sum(true.span_s for _, _, true in pairs)
    ratio = (seen / gaps) / (happened / true_gaps) if gaps and true_gaps and happened else math.nan
    return Honesty(
        ttft_mean_s=sum(errors) / len(errors),
        ttft_p50_s=quantile(errors, 0.50),
        ttft_p99_s=quantile(errors, 0.99),
        itl_ratio=ratio,
        busy_s=sum(true.e2e_s for _, _, true in pairs),
        joined=len(pairs),
    )


def quantile(ordered: list[float], share: float) -> float:
    """线性插值的分位数；`ordered` 已排好且不空。"""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
