"""Prometheus 文本 → 样本，前后两页 → 增量与分位数；纯函数，坏行只丢它自己。"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence

Labels = tuple[tuple[str, str], ...]
Series = dict[Labels, float]
"""同名的各条序列：标签（按名排）→ 值。"""
Page = dict[str, Series]
"""一页：样本名（`_bucket` 等后缀在内）→ 各条序列。"""
Buckets = tuple[tuple[float, float], ...]
"""直方图的（上界，累计数），上界递增。"""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MODEL = "model_name"
_MIN_BUCKETS = 2


def read_page(text: str, wanted: Collection[str], model: str = "") -> Page:
    """一页文本 → 名字在 `wanted` 里的样本；读不懂的行跳过。

    一页里有几个模型时只要 `model_name` 是 `model` 的；没有一条是它时（服务另取了名）全要。
    """
    page: Page = {}
    for line in text.splitlines():
        match = _NAME.match(line)
        if match is not None and match[0] in wanted:
            _add(page, match[0], line)
    return _of_model(page, model)


def _add(page: Page, name: str, line: str) -> None:
    """读一行样本；坏行与 NaN 不要。"""
    from prometheus_client.parser import text_string_to_metric_families

    try:
        for family in text_string_to_metric_families(line):
            for sample in family.samples:
                if not math.isnan(sample.value):
                    labels = tuple(sorted(sample.labels.items()))
                    page.setdefault(name, {})[labels] = float(sample.value)
    except (ValueError, IndexError, KeyError):
        return


def _of_model(page: Page, model: str) -> Page:
    """只留这个模型的序列；没有写明模型的也留。"""
    found = {dict(labels).get(_MODEL) for series in page.values() for labels in series}
    if model not in found:
        return page
    return {
        name: {k: v for k, v in series.items() if dict(k).get(_MODEL, model) == model}
        for name, series in page.items()
    }


def growth(before: Page, after: Page, name: str) -> Series | None:
    """一个名字下各条序列的增量；新出现的从零算起。

    后一页没有它、或有一条变小或消失了（计数器重置：服务重启过）都为 None。
    """
    now, past = after.get(name), before.get(name, {})
    if not now or any(now.get(labels, -1.0) < value for labels, value in past.items()):
        return None
    return {labels: value - past.get(labels, 0.0) for labels, value in now.items()}


def total(before: Page, after: Page, names: Sequence[str]) -> float | None:
    """一个计数器在各条序列上的增量之和；取 `names` 里第一个后一页有的，没有或重置过为 None。"""
    name = next((name for name in names if after.get(name)), None)
    grown = None if name is None else growth(before, after, name)
    return None if grown is None else sum(grown.values())


def buckets(grown: Series) -> Buckets:
    """`_bucket` 各条序列的增量 → 按上界合并、递增的累计数；上界不像数的不要。

    几个副本的格子若不一样，合并后可能不单调：按 Prometheus 的做法抬平。
    """
    merged: dict[float, float] = {}
    for labels, value in grown.items():
        try:
            bound = float(dict(labels).get("le", "nan"))
        except ValueError:
            continue
        if not math.isnan(bound):
            merged[bound] = merged.get(bound, 0.0) + value
    rising, highest = [], 0.0
    for bound in sorted(merged):
        highest = max(highest, merged[bound])
        rising.append((bound, highest))
    return tuple(rising)


def quantile(cells: Buckets, q: float) -> float | None:
    """Prometheus 的 histogram_quantile：格内线性，0 < q < 1。

    没有观测、没有 +Inf 格或只有它时为 None；落在 +Inf 格里的答次高的上界：那是下限，不是估计。
    """
    if len(cells) < _MIN_BUCKETS or not math.isinf(cells[-1][0]) or cells[-1][1] <= 0:
        return None
    rank = q * cells[-1][1]
    index = next(i for i, (_, count) in enumerate(cells) if count >= rank)
    bound, count = cells[index]
    if index == len(cells) - 1:
        return cells[-2][0]
    if index == 0 and bound <= 0:
        return bound
    low, below = (0.0, 0.0) if index == 0 else cells[index - 1]
    return low + (bound - low) * (rank - below) / (count - below)


def restarted(before: Mapping[str, Series], after: Mapping[str, Series], name: str) -> bool:
    """进程的启动时刻变了：计数从头来过，哪怕已经追过了原来的数。"""
    past, now = before.get(name), after.get(name)
    return bool(past and now and past != now)
