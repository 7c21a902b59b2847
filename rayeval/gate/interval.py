"""区间与多重比较：变化的自助法区间、失败率的 Wilson 区间、Holm 校正；种子固定，结果可复现。"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""（若干次重抽样 × 样本 [× 列]）的数组 → 每次重抽样一个数。"""

SEED = 0
CHUNK = 1 << 22
"""一次重抽样最多摆开这么多个数：内存不随样本数涨。"""


@dataclass(frozen=True, slots=True)
class Interval:
    """一个量的置信区间，与“其实没有变坏”的单侧 p 值。"""

    low: float
    high: float
    p: float


def change_interval(
    now: Floats,
    base: Floats,
    statistic: Statistic,
    *,
    block: int,
    confidence: float,
    replicates: int = 1999,
    rise_is_bad: bool = True,
) -> Interval:
    """(now − base)/base 的自助法百分位区间；样本按发出的先后排，第一维是样本。

    按块重抽：同时在途的请求共命运，`block` 至少取并发数，否则区间窄得不真。
    p 是重抽的变化不在坏的一侧的份额，加一校正，从不为零。
    """
    rng = np.random.default_rng(SEED)
    top = _resample(rng, now, statistic, block, replicates)
    bottom = _resample(rng, base, statistic, block, replicates)
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = (top - bottom) / bottom
    changes = changes[np.isfinite(changes)]
    if not changes.size:
        return Interval(-math.inf, math.inf, 1.0)
    tail = (1 - confidence) / 2
    low, high = np.quantile(changes, (tail, 1 - tail))
    harmless = int((changes <= 0).sum() if rise_is_bad else (changes >= 0).sum())
    return Interval(float(low), float(high), (1 + harmless) / (1 + changes.size))


def _resample(
    rng: np.random.Generator, samples: Floats, statistic: Statistic, block: int, replicates: int
) -> Floats:
    """循环的移动块自助法：每次重抽样的统计量。"""
    n = len(samples)
    block = max(1, min(block, n))
    blocks = math.ceil(n / block)
    at_once = max(1, CHUNK // (n * max(1, samples[0].size)))
    found = []
    for begin in range(0, replicates, at_once):
        rows = min(at_once, replicates - begin)
        starts = rng.integers(0, n, size=(rows, blocks, 1))
        index = (starts + np.arange(block)).reshape(rows, -1)[:, :n] % n
        found.append(statistic(samples[index]))
    return np.concatenate(found)


def p99(samples: Floats) -> Floats:
    """每次重抽样的 P99，线性插值，与汇总里的同一个定义。"""
    return np.asarray(np.quantile(samples, 0.99, axis=1), dtype=np.float64)


def rate(samples: Floats) -> Floats:
    """每次重抽样的速率，至多差一个常数：成功数 ÷ 占用的时间；两列是成功与占用的秒数。

    闭环里墙钟约为占用的总和 ÷ 并发；开环里占用是到下一次发出的间隔。
    """
    sums = samples.sum(axis=1)
    return np.asarray(sums[:, 0] / sums[:, 1], dtype=np.float64)


def wilson(failed: int, issued: int, confidence: float) -> tuple[float, float]:
    """比例的 Wilson 区间；没有样本时是整个 [0, 1]。"""
    if issued <= 0:
        return 0.0, 1.0
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    ratio, spread = failed / issued, z * z / issued
    centre = (ratio + spread / 2) / (1 + spread)
    half = z * math.sqrt(ratio * (1 - ratio) / issued + spread / (4 * issued)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def ratio_p(failed: int, issued: int, limit: float) -> float:
    """“失败率其实不超过 `limit`”的单侧 p 值；它与 Wilson 区间是同一个检验。"""
    if issued <= 0:
        return 1.0
    if not 0 < limit < 1:
        return 0.0 if failed / issued > limit else 1.0
    z = (failed / issued - limit) / math.sqrt(limit * (1 - limit) / issued)
    return 1 - NormalDist().cdf(z)


def holm(p_values: Sequence[float], tests: int, alpha: float) -> list[bool]:
    """各个 p 值在 `tests` 次检验里是否仍显著（Holm 逐步降）；没列出的检验当作 p = 1。"""
    kept = [False] * len(p_values)
    for rank, index in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        if p_values[index] > alpha / max(1, tests - rank):
            break
        kept[index] = True
    return kept
