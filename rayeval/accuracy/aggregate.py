"""答 → 分：全部定义都在这里，输入的次序与分片数不影响结果。"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayeval.domain.accuracy import Accuracy, AccuracySpec, Answer
from rayeval.domain.records import ANSWERS

Floats = npt.NDArray[np.float64]

Z95 = 1.96
"""双侧 95 % 的正态分位数，取通行的两位小数。"""

MISSING = "incomplete"
"""没有回来的题按这一类错误计数。"""


def score(answer: Answer) -> float:
    """1 或 0：没有出错，且 simple-evals 读法的字母与正确字母相同（分大小写）。"""
    return float(answer.error_class is None and answer.simple_evals == answer.correct)


def dedupe(answers: Iterable[Answer]) -> list[Answer]:
    """每题只留最后到的一次作答，按 index 排序；分片重跑因此不会重复计分。"""
    last = {answer.index: answer for answer in answers}
    return [last[index] for index in sorted(last)]


def aggregate(
    answers: Sequence[Answer], items_n: int, spec: AccuracySpec, prompt_kind: str
) -> Accuracy:
    """全部作答 → 结论；`items_n` 是题次总数，一切比率与均值都除以它。

    出错的题与没有回来的题按 0 分、0 个字符计，并算作错误。`std` 为总体标准差。
    `stderr` 按原题聚类，见 clustered_stderr；区间见 interval。
    错误率超过 max_error_ratio（相等不算超过），或根本没有题，则无效。
    """
    kept = [answer for answer in dedupe(answers) if 0 <= answer.index < items_n]
    sound = [answer for answer in kept if answer.error_class is None]
    errors = Counter(answer.error_class for answer in kept if answer.error_class is not None)
    if items_n > len(kept):
        errors[MISSING] += items_n - len(kept)
    examples = max(1, items_n // spec.n_repeats) if items_n else 0
    scores = _spread(items_n, kept, [score(answer) for answer in kept])
    chars = _spread(items_n, sound, [float(len(answer.reply)) for answer in sound])
    stderr = clustered_stderr(scores, examples)
    mean = _mean(scores)
    low, high = interval(mean, stderr, examples)
    error_ratio = _share(errors.total(), items_n)
    return Accuracy(
        dataset_name=spec.dataset_name,
        prompt=prompt_kind,
        n=items_n,
        examples=examples,
        repeats=spec.n_repeats,
        score=mean,
        std=_std(scores),
        stderr=stderr,
        low=low,
        high=high,
        robust_score=_share(sum(a.robust == a.correct for a in sound), items_n),
        unparsed_ratio=_share(sum(a.simple_evals is None for a in sound), items_n),
        truncated_ratio=_share(sum(a.finish_reason == "length" for a in sound), items_n),
        error_ratio=error_ratio,
        mean_chars=_mean(chars),
        debug=spec.debug,
        valid=items_n > 0 and error_ratio <= spec.max_error_ratio,
        min_score=spec.min_score,
        errors=tuple(sorted(errors.items())),
        std_chars=_std(chars),
    )


def clustered_stderr(scores: Floats, clusters: int) -> float:
    """均值的标准误，同一道原题的各次重复算一簇。

    √( G/(G−1) · Σ_g (Σ_{i∈g} (xᵢ − x̄))² ) / N，G 为簇数，N 为题次数；第 i 个题次属于
    第 i mod G 簇（题单是整表重复）。不重复时即样本标准差 ÷ √N。不足两簇时无从估计，给 0。
    """
    if clusters <= 1:
        return 0.0
    deviations = scores - scores.mean()
    sums = np.bincount(np.arange(len(scores)) % clusters, weights=deviations, minlength=clusters)
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


def answers_table(answers: Iterable[Answer]) -> pa.Table:
    """作答 → ANSWERS 表，每题一行，按 index 排序；`score` 同 score()。"""
    rows = dedupe(answers)
    names = {field.name for field in fields(Answer)}
    columns = {
        name: [getattr(row, name) for row in rows] if name in names else [score(r) for r in rows]
        for name in ANSWERS.names
    }
    return pa.table(columns, schema=ANSWERS)


def _spread(n: int, answers: Sequence[Answer], values: Sequence[float]) -> Floats:
    """把值摆到各自的题次上，其余为 0。"""
    result = np.zeros(n)
    result[[answer.index for answer in answers]] = values
    return result


def _mean(values: Floats) -> float:
    """均值；没有值时为 0。"""
    return float(values.mean()) if len(values) else 0.0


def _std(values: Floats) -> float:
    """总体标准差；没有值时为 0。"""
    return float(values.std()) if len(values) else 0.0


def _share(part: int, whole: int) -> float:
    """占比；没有题时为 0。"""
    return part / whole if whole else 0.0
