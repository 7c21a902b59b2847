"""MMLU：列 Question、A 到 D、Answer、Subject；选项照原样，不打乱。

数据不随本项目分发，文件由使用者给。领域是科目所属的四大类，认不得的科目归 other。
"""

from __future__ import annotations

import random
import re

from rayeval.accuracy.dataset import problem
from rayeval.accuracy.gpqa import LETTERS, SEED, sample
from rayeval.accuracy.table import Row, read_rows
from rayeval.domain.accuracy import AccuracySpec, Item

COLUMNS: tuple[str, ...] = ("Question", *LETTERS, "Answer", "Subject")

_MATHS = "abstract_algebra college_mathematics elementary_mathematics high_school_mathematics"
_NATURE = "astronomy college_biology college_chemistry college_physics conceptual_physics"
_SCHOOL = "biology chemistry computer_science physics statistics"
STEM = {
    *f"{_MATHS} {_NATURE}".split(),
    *(f"high_school_{name}" for name in _SCHOOL.split()),
    *("college_computer_science", "computer_security", "electrical_engineering"),
    "machine_learning",
}
HUMANITIES = {
    *("formal_logic", "logical_fallacies", "philosophy", "prehistory", "world_religions"),
    *("international_law", "jurisprudence", "professional_law"),
    *("moral_disputes", "moral_scenarios"),
    *(f"high_school_{name}_history" for name in ("european", "us", "world")),
}
SOCIAL_SCIENCES = {
    *("econometrics", "human_sexuality", "professional_psychology", "public_relations"),
    *("security_studies", "sociology", "us_foreign_policy"),
    *("high_school_geography", "high_school_government_and_politics"),
    *("high_school_macroeconomics", "high_school_microeconomics", "high_school_psychology"),
}
_CATEGORIES = {"stem": STEM, "humanities": HUMANITIES, "social_sciences": SOCIAL_SCIENCES}

# 判分前去掉的排版：粗体、美元号、LaTeX 的壳与花括号
_DRESS = re.compile(r"\*\*|\\(?:boxed|text|mathbf|mathrm)\b|\\[(${]|[{}$]")
_WIDE = {0xFF21 + place: letter for place, letter in enumerate(LETTERS)}
"""全角的 A 到 D → 半角。"""
# 与 simple-evals 相同：各种“答案”的写法依次去找，先找到的算。只收英文与中文的。
_ANSWERS = tuple(
    re.compile(rf"{word}[ \t]*([A-D\uff21-\uff24])", re.IGNORECASE)
    for word in (r"answer\s*:", r"答案\s*：", r"答案\s*:", r"答\s*：", r"答\s*:")
)


def load_items(spec: AccuracySpec, raw: bytes) -> tuple[Item, ...]:
    """档位与数据集的字节 → 题单；抽样用私有的 Random(0)，重复即整表再问一遍。

    缺列、空格子、Answer 不是 A 到 D、题数不够都抛 ConfigError。
    """
    rows = read_rows(raw, spec.dataset, COLUMNS)
    order = sample(random.Random(SEED), len(rows), spec.num_examples)
    return tuple(
        _item(spec, index, example, index // len(order), rows[example])
        for index, example in enumerate(order * spec.n_repeats)
    )


def category(subject: str) -> str:
    """科目 → 大类：stem、humanities、social_sciences、other。"""
    return next((name for name, subjects in _CATEGORIES.items() if subject in subjects), "other")


def extract(text: str) -> str | None:
    """回复 → 字母，照原文的大小写（小写因此判错）；没有则为 None。

    先去掉排版再找，于是 `**Answer:** B` 也读得出；别的语言里的“答案”不认。
    """
    plain = _DRESS.sub("", text)
    for pattern in _ANSWERS:
        if (match := pattern.search(plain)) is not None:
            return match.group(1).translate(_WIDE)
    return None


def _item(spec: AccuracySpec, index: int, example: int, repeat: int, row: Row) -> Item:
    """一行 → 一道要问的题。"""
    if row["Answer"] not in LETTERS:
        message = f"question {example + 1}: Answer must be one of A, B, C, D; mend the row"
        raise problem(spec.dataset, "Answer", message)
    return Item(
        index=index,
        example=example,
        repeat=repeat,
        question=row["Question"],
        options=(row["A"], row["B"], row["C"], row["D"]),
        permutation=(0, 1, 2, 3),
        correct=row["Answer"],
        domain=category(row["Subject"]),
    )
