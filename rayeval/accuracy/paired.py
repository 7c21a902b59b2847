"""与基线配对：同一题次一对一，两边都对、只一边对、都错；差别是不是碰巧。"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from rayeval.accuracy.spread import Z95, clustered_stderr
from rayeval.domain.accuracy import Paired

Key = tuple[int, int]
"""（原题号，第几遍）。"""
Scores = Mapping[Key, float]
MOST_EXACT = 10_000
"""不一致的对数在此之内用精确的二项分布。"""


def compare(now: Scores, baseline: Scores, name: str) -> Paired | None:
    """两次的逐题得分（0 或 1）→ 配对比较；没有共同的题次则为 None。

    每题只问一遍时 p 值是 McNemar 精确检验（二项，双侧）。问了多遍时同一题的各遍不独立，
    改用按题聚类的 McNemar：z = Σd ÷ √Σd²，d 是一题里（won − lost），正态双侧。
    """
    shared = sorted(now.keys() & baseline.keys())
    if not shared:
        return None
    mine = np.array([now[key] for key in shared])
    theirs = np.array([baseline[key] for key in shared])
    difference = mine - theirs
    questions = np.array([example for example, _ in shared])
    won, lost = int(np.sum(difference > 0)), int(np.sum(difference < 0))
    mean = float(difference.mean())
    stderr = clustered_stderr(difference, questions)
    examples = len(set(questions.tolist()))
    repeated = examples < len(shared)
    p_value = _clustered(difference, questions) if repeated else exact(lost, won)
    return Paired(
        baseline=name,
        n=len(shared),
        examples=examples,
        both_right=int(np.sum((mine > 0) & (theirs > 0))),
        lost=lost,
        won=won,
        both_wrong=int(np.sum((mine == 0) & (theirs == 0))),
        difference=mean,
        stderr=stderr,
        low=max(-1.0, mean - Z95 * stderr),
        high=min(1.0, mean + Z95 * stderr),
        p_value=p_value,
        method="clustered" if repeated else "exact",
    )


def exact(lost: int, won: int) -> float:
    """McNemar 精确检验的双侧 p 值：不一致的对里，两个方向各半的可能。

    对数极多时用带连续性校正的正态近似，差别已看不出。
    """
    pairs = lost + won
    if pairs > MOST_EXACT:
        return _two_sided((abs(lost - won) - 1) / math.sqrt(pairs))
    tail = sum(math.comb(pairs, k) for k in range(min(lost, won) + 1))
    return min(1.0, float(2 * tail / 2**pairs))


def _clustered(difference: np.ndarray, questions: np.ndarray) -> float:
    """按题聚类的 McNemar。"""
    _, groups = np.unique(questions, return_inverse=True)
    sums = np.bincount(groups, weights=difference)
    spread = float(np.sum(sums**2))
    return 1.0 if spread == 0 else _two_sided(float(sums.sum()) / math.sqrt(spread))


def _two_sided(z: float) -> float:
    """标准正态的双侧 p 值。"""
    return math.erfc(abs(z) / math.sqrt(2))
