"""答 → 分：全部定义都在这里，输入的次序与分片数不影响结果。"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from rayeval.accuracy import benchmarks
from rayeval.accuracy.spread import Floats, clustered_stderr, domain_scores, interval
from rayeval.domain.accuracy import Accuracy, AccuracySpec, Answer, Exam, Item

MISSING = "incomplete"
"""没有回来的题按这一类错误计数。"""


def score(answer: Answer) -> float:
    """1 或 0：没有出错，且 simple-evals 读法的字母与正确字母相同（分大小写）。"""
    return float(answer.error_class is None and answer.simple_evals == answer.correct)


def dedupe(answers: Iterable[Answer]) -> list[Answer]:
    """每题只留最后到的一次作答，按 index 排序；分片重跑因此不会重复计分。"""
    last = {answer.index: answer for answer in answers}
    return [last[index] for index in sorted(last)]


def aggregate(answers: Sequence[Answer], spec: AccuracySpec, exam: Exam) -> Accuracy:
    """全部作答 → 结论；分母是卷里的全部题次，一切比率与均值都除以它。

    出错的题与没有回来的题按 0 分、0 个字符计，并算作错误。`std` 为总体标准差。
    `stderr` 按原题聚类，见 clustered_stderr；区间见 interval。
    错误率超过 max_error_ratio（相等不算超过），或根本没有题，则无效。
    """
    items = exam.items
    size = len(items)
    kept = [answer for answer in dedupe(answers) if 0 <= answer.index < size]
    sound = [answer for answer in kept if answer.error_class is None]
    errors = Counter(answer.error_class for answer in kept if answer.error_class is not None)
    if size > len(kept):
        errors[MISSING] += size - len(kept)
    numbers = [item.example for item in items]
    examples = len(set(numbers))
    scores = _spread(size, kept, [score(answer) for answer in kept])
    chars = _spread(size, sound, [float(answer.chars) for answer in sound])
    stderr = clustered_stderr(scores, numbers)
    mean = _mean(scores)
    low, high = interval(mean, stderr, examples)
    error_ratio = _share(errors.total(), size)
    return Accuracy(
        dataset_name=spec.dataset_name,
        prompt=exam.prompt,
        n=size,
        examples=examples,
        repeats=spec.n_repeats,
        score=mean,
        std=_std(scores),
        stderr=stderr,
        low=low,
        high=high,
        robust_score=_share(sum(a.robust == a.correct for a in sound), size),
        unparsed_ratio=_share(sum(a.simple_evals is None for a in sound), size),
        truncated_ratio=_share(sum(a.finish_reason == "length" for a in sound), size),
        error_ratio=error_ratio,
        mean_chars=_mean(chars),
        debug=spec.debug,
        valid=size > 0 and error_ratio <= spec.max_error_ratio,
        min_score=spec.min_score,
        errors=tuple(sorted(errors.items())),
        std_chars=_std(chars),
        by_category=benchmarks.find(spec.benchmark).by_category,
        dataset_sha256=exam.dataset_sha256,
        outcomes=tuple(sorted((Counter(a.kind for a in sound) + errors).items())),
        domains=domain_scores([item.domain for item in items], scores, numbers),
        resumed=len(exam.answered),
        rate_limited=sum(answer.rate_limited for answer in kept),
    )


def exam_of(answers: Sequence[Answer], prompt: str) -> Exam:
    """别人问过的题 → 卷：题面不在，只有号码与正确字母；好让它们按同样的定义算分。"""
    blank = ("", "", "", "")
    items = tuple(
        Item(a.index, a.example, a.repeat, "", blank, (0, 1, 2, 3), a.correct, a.domain)
        for a in dedupe(answers)
    )
    return Exam(items, "", prompt)


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
