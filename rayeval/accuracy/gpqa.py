"""GPQA：CSV → 题目；抽样、重复、打乱都在分片之前做完；题单 → 分片。"""

from __future__ import annotations

import csv
import hashlib
import io
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rayeval.domain.accuracy import AccuracySpec, Item, Shard
from rayeval.domain.service import Endpoint
from rayeval.errors import ConfigError, Problem

ANSWER_COLUMNS: tuple[str, ...] = (
    "Correct Answer",
    "Incorrect Answer 1",
    "Incorrect Answer 2",
    "Incorrect Answer 3",
)
REQUIRED_COLUMNS: tuple[str, ...] = ("Question", *ANSWER_COLUMNS)
LETTERS = "ABCD"
SEED = 0
"""simple-evals 的种子；改了它，就不再是同一份题。"""


@dataclass(frozen=True, slots=True)
class Example:
    """数据集里的一道题；`choices` 的第一个是正确答案，顺序同 CSV 的列。"""

    question: str
    choices: tuple[str, str, str, str]
    domain: str = ""
    subdomain: str = ""


def load_examples(path: Path, sha256: str | None = None) -> list[Example]:
    """读出数据集，次序同文件。

    列：Question、Correct Answer、Incorrect Answer 1…3，另有 High-level domain、Subdomain
    则一并读入，其余忽略。文件缺失、校验和不符、缺列、空格子都抛 ConfigError，一次说全。
    错误信息里没有题面：题目不该出现在日志里。
    """
    raw = _read(path)
    digest = hashlib.sha256(raw).hexdigest()
    if sha256 is not None and digest != sha256.strip().lower():
        raise _error(
            path,
            "sha256",
            f"the file's checksum is {digest}, expected {sha256}; "
            "get the file again, or correct sha256 in the accuracy profile",
        )
    return _parse(path, raw)


def load_items(spec: AccuracySpec) -> tuple[Item, ...]:
    """档位 → 题单；错误同 load_examples 与 make_items。"""
    examples = load_examples(Path(spec.dataset), spec.sha256)
    return make_items(examples, spec.num_examples, spec.n_repeats)


def make_items(
    examples: Sequence[Example], num_examples: int | None, n_repeats: int
) -> tuple[Item, ...]:
    """题目 → 题单，与 simple-evals 的同一次运行逐题相同。

    只用一个私有的 Random(0)：先抽样（若给了 num_examples），整表重复 n_repeats 遍，
    再按题单次序为每题抽一个排列。`example` 是题在文件中的行序，从 0 起。
    num_examples 多于题数时抛 ConfigError。
    """
    if num_examples is not None and num_examples > len(examples):
        message = f"num_examples is {num_examples}, but the dataset has {len(examples)} questions"
        raise ConfigError([Problem("accuracy profile", 0, 0, "num_examples", message)])
    rng = random.Random(SEED)
    order = list(range(len(examples)))
    if num_examples:
        order = rng.sample(order, num_examples)
    return tuple(
        _item(index, example, index // len(order), examples[example], rng.sample(range(4), 4))
        for index, example in enumerate(order * n_repeats)
    )


def make_shards(
    items: Sequence[Item],
    spec: AccuracySpec,
    endpoint: Endpoint,
    *,
    template: str,
    max_tokens_field: str = "max_tokens",
    reasoning_keys: tuple[str, ...] = ("reasoning_content", "reasoning"),
) -> tuple[Shard, ...]:
    """题单 → 连续的几段，长短至多差一；首尾相接正是原题单。

    在途请求数分给各段：每段至少 1，总和恰为 spec.threads；所以段数不多于
    spec.threads，也不多于题数。没有题就没有分片。
    """
    count = min(spec.shards, spec.threads, len(items))
    return tuple(
        Shard(
            index=index,
            items=tuple(items[len(items) * index // count : len(items) * (index + 1) // count]),
            endpoint=endpoint,
            spec=spec,
            template=template,
            threads=(spec.threads + count - 1 - index) // count,
            max_tokens_field=max_tokens_field,
            reasoning_keys=reasoning_keys,
        )
        for index in range(count)
    )


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


def _read(path: Path) -> bytes:
    """文件的字节；读不到就说明去哪里取、怎样指给我们。"""
    try:
        return path.read_bytes()
    except OSError as error:
        raise _error(
            path,
            "dataset",
            f"the dataset can't be read ({error.strerror}); GPQA is not shipped with rayeval: "
            "obtain gpqa_diamond.csv (198 questions) from its authors or from the public storage "
            "that simple-evals reads, and give its path as dataset in the accuracy profile",
        ) from error


def _parse(path: Path, raw: bytes) -> list[Example]:
    """CSV 字节 → 题目；所有问题攒齐了一起报。"""
    try:
        text = raw.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
        columns = reader.fieldnames or []
        missing = [name for name in REQUIRED_COLUMNS if name not in columns]
        if missing:
            names = ", ".join(missing)
            raise _error(path, "dataset", f"missing columns: {names}; add them to the header line")
        rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _error(path, "dataset", f"not a CSV file in UTF-8: {error}") from error
    problems = [p for line, row in rows if (p := _row_problem(path, line, row)) is not None]
    if problems:
        raise ConfigError(problems)
    if not rows:
        raise _error(path, "dataset", "the file has a header but no questions; add rows to it")
    return [_example(row) for _, row in rows]


def _row_problem(path: Path, line: int, row: dict[str, str]) -> Problem | None:
    """一行的毛病：格子空着，或逗号没加引号以致多出格子；没有则为 None。"""
    empty = [name for name in REQUIRED_COLUMNS if not (row[name] or "").strip()]
    if empty:
        message = "this row has no text here; fill it in or remove the row"
        return Problem(str(path), line, 1, ", ".join(empty), message)
    if None in row:
        message = "this row has more fields than the header; quote the text that contains commas"
        return Problem(str(path), line, 1, "dataset", message)
    return None


def _example(row: dict[str, str]) -> Example:
    """一行 → 一道题；文本原样，不去空白（simple-evals 也不去）。"""
    correct, first, second, third = (row[name] for name in ANSWER_COLUMNS)
    return Example(
        question=row["Question"],
        choices=(correct, first, second, third),
        domain=row.get("High-level domain") or "",
        subdomain=row.get("Subdomain") or "",
    )


def _error(path: Path, field: str, message: str) -> ConfigError:
    """关于数据集文件的一个 ConfigError。"""
    return ConfigError([Problem(str(path), 0, 0, field, message)])
