"""分数有多准：按原题聚类的标准误、区间、各领域的分数。"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from rayeval.domain.accuracy import DomainScore

Floats = npt.NDArray[np.float64]

Z95 = 1.96
"""双侧 95 % 的正态分位数，取通行的两位小数。"""


def clustered_stderr(scores: Floats, examples: Sequence[int] | npt.NDArray[np.int64]) -> float:
    """均值的标准误，同一道原题的各次重复算一簇；`examples` 是每个题次的原题号。

    √( G/(G−1) · Σ_g (Σ_{i∈g} (xᵢ − x̄))² ) / N，G 为簇数，N 为题次数。
    不重复时即样本标准差 ÷ √N。不足两簇时无从估计，给 0。
    """
    if len(scores) == 0:
        return 0.0
    _, groups = np.unique(np.asarray(examples), return_inverse=True)
    clusters = int(groups.max()) + 1
    if clusters <= 1:
        return 0.0
    sums = np.bincount(groups, weights=scores - scores.mean(), minlength=clusters)
    variance = clusters / (clusters - 1) * float(np.sum(sums**2))
    return math.sqrt(variance) / len(scores)


def interval(mean: float, stderr: float, clusters: int) -> tuple[float, float]:
    """95 % 区间：mean ± 1.96·stderr，截在 [0, 1] 内。

    标准误为 0（全对、全错、不足两簇）不等于没有误差，这时用 Wilson 区间，样本量取簇数。
    没有题则是 [0, 1]。
    """
    if clusters == 0:
        return 0.0, 1.0
    if stderr > 0:
        return max(0.0, mean - Z95 * stderr), min(1.0, mean + Z95 * stderr)
    spread = Z95**2 / clusters
    centre = (mean + spread / 2) / (1 + spread)
    half = math.sqrt(mean * (1 - mean) * spread + spread**2 / 4) / (1 + spread)
    # 端点本是恰好的 0 与 1，浮点会差一点；区间必须含住均值
    return min(mean, max(0.0, centre - half)), max(mean, min(1.0, centre + half))


def domain_scores(
    names: Sequence[str], scores: Floats, examples: Sequence[int]
) -> tuple[DomainScore, ...]:
    """每个领域的分数，按名字排；三个参数逐题次对齐。没有领域一说（名字全空）则为空。"""
    label, group = np.asarray(names, dtype=object), np.asarray(examples)
    found = sorted(set(names))
    if found in ([], [""]):
        return ()
    return tuple(_domain(name, scores[label == name], group[label == name]) for name in found)


def _domain(name: str, scores: Floats, examples: npt.NDArray[np.int64]) -> DomainScore:
    """一个领域。"""
    stderr, count = clustered_stderr(scores, examples), len(np.unique(examples))
    mean = float(scores.mean())
    low, high = interval(mean, stderr, count)
    return DomainScore(
        name=name or "(none)",
        n=len(scores),
        examples=count,
        score=mean,
        std=float(scores.std()),
        stderr=stderr,
        low=low,
        high=high,
    )
