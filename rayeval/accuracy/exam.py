"""出卷：档位 → 一份卷，在驱动端、分片之前；同一场考试的身份也在这里定。"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from rayeval.accuracy import benchmarks, dataset, prompt
from rayeval.domain.accuracy import AccuracySpec, Answer, Exam
from rayeval.errors import UsageError


def set_exam(spec: AccuracySpec, model: str) -> Exam:
    """档位 → 卷：取数据集、核对、出题、定措辞。

    `model` 是请求里写的模型名，只进身份。数据集、模板、基准的毛病抛 ConfigError 或 UsageError。
    """
    bench = benchmarks.find(spec.benchmark)
    text, kind = prompt.template(spec)
    raw = dataset.obtain(spec)
    digest = dataset.digest(raw)
    facts = {
        "benchmark": spec.benchmark,
        "dataset": digest,
        "num_examples": spec.num_examples,
        "n_repeats": spec.n_repeats,
        "template": hashlib.sha256(text.encode()).hexdigest(),
        "system_message": spec.system_message,
        "model": model,
        "temperature": spec.temperature,
        "max_tokens": spec.max_tokens,
    }
    identity = tuple((name, str(value)) for name, value in facts.items())
    return Exam(bench.items(spec, raw), text, kind, digest, identity)


def resume(exam: Exam, identity: Mapping[str, str], answers: Sequence[Answer], where: str) -> Exam:
    """接着中断的那次：它答好的（没有出错的）不再问。

    不是同一场考试就抛 UsageError，逐项说出差别；`where` 是那次的作答文件。
    """
    differing = [
        f"{name} was {identity.get(name)}, is {value}"
        for name, value in exam.identity
        if identity.get(name) != value
    ]
    if differing:
        raise UsageError(f"{where} is of another exam: {'; '.join(differing)}; ask anew")
    letters = {item.index: item.correct for item in exam.items}
    kept = {
        answer.index: answer
        for answer in answers
        if answer.error_class is None and letters.get(answer.index) == answer.correct
    }
    return replace(exam, answered=tuple(kept[index] for index in sorted(kept)))
