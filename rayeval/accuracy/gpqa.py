"""GPQA：行 → 题目；抽样、重复、打乱都在分片之前做完，次序与 simple-evals 相同。"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from rayeval.accuracy.dataset import problem
from rayeval.accuracy.table import read_rows
from rayeval.domain.accuracy import AccuracySpec, Item

ANSWER_COLUMNS: tuple[str, ...] = (
    "Correct Answer",
    "Incorrect Answer 1",
    "Incorrect Answer 2",
    "Incorrect Answer 3",
)
REQUIRED_COLUMNS: tuple[str, ...] = ("Question", *ANSWER_COLUMNS)
LETTERS = "ABCD"
DIAMOND_SHA256 = "41d1213cd7a4998605a26c2798500652572007161b3a92817ba46b35befcd305"
"""公开的 gpqa_diamond.csv（198 题）的校验和。"""
SEED = 0
"""simple-evals 的种子；改了它，就不再是同一份题。"""


@dataclass(frozen=True, slots=True)
class Example:
    """数据集里的一道题；`choices` 的第一个是正确答案，顺序同 CSV 的列。"""

    question: str
    choices: tuple[str, str, str, str]
    domain: str = ""
    subdomain: str = ""


def load_examples(raw: bytes, where: str) -> list[Example]:
    """CSV 字节 → 题目，次序同文件。

    列：Question、Correct Answer、Incorrect Answer 1…3，另有 High-level domain、Subdomain
    则一并读入，其余（canary 在内）不看。错误同 read_rows。
    """
    return [_example(row) for row in read_rows(raw, where, REQUIRED_COLUMNS)]


def load_items(spec: AccuracySpec, raw: bytes) -> tuple[Item, ...]:
    """档位与数据集的字节 → 题单；错误同 load_examples 与 make_items。"""
    return make_items(load_examples(raw, spec.dataset), spec.num_examples, spec.n_repeats)


def make_items(
    examples: Sequence[Example], num_examples: int | None, n_repeats: int
) -> tuple[Item, ...]:
    """题目 → 题单，与 simple-evals 的同一次运行逐题相同。

    只用一个私有的 Random(0)：先抽样（若给了 num_examples），整表重复 n_repeats 遍，
    再按题单次序为每题抽一个排列。`example` 是题在文件中的行序，从 0 起。
    num_examples 多于题数时抛 ConfigError。
    """
    rng = random.Random(SEED)
    order = sample(rng, len(examples), num_examples)
    return tuple(
        _item(index, example, index // len(order), examples[example], rng.sample(range(4), 4))
        for index, example in enumerate(order * n_repeats)
    )


def sample(rng: random.Random, size: int, num_examples: int | None) -> list[int]:
    """要问的题的行序；不抽样就是全部。多于题数时抛 ConfigError。"""
    if num_examples is not None and num_examples > size:
        message = f"num_examples is {num_examples}, but the dataset has {size} questions"
        raise problem("accuracy profile", "num_examples", message)
    order = list(range(size))
    return rng.sample(order, num_examples) if num_examples else order


def _item(
    index: int, example: int, repeat: int, source: Example, permutation: Sequence[int]
) -> Item:
    """按排列摆好选项；正确字母是正确答案文本第一次出现的位置（选项重复时靠前者算）。"""
    a, b, c, d = (source.choices[i] for i in permutation)
    options = (a, b, c, d)
    return Item(
        index=index,
        example=example,
        repeat=repeat,
        question=source.question,
        options=options,
        permutation=(permutation[0], permutation[1], permutation[2], permutation[3]),
        correct=LETTERS[options.index(source.choices[0])],
        domain=source.domain,
    )


def _example(row: dict[str, str]) -> Example:
    """一行 → 一道题；文本原样，不去空白（simple-evals 也不去）。"""
    correct, first, second, third = (row[name] for name in ANSWER_COLUMNS)
    return Example(
        question=row["Question"],
        choices=(correct, first, second, third),
        domain=row.get("High-level domain") or "",
        subdomain=row.get("Subdomain") or "",
    )
