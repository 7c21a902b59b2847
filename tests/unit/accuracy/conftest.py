"""准确率测试共用的样本：一份合成的数据集、一个分片的造法、一串作答的造法。"""

import dataclasses

import pytest

from rayeval.accuracy import gpqa
from rayeval.accuracy.shards import make_shards
from rayeval.domain.accuracy import AccuracySpec, Answer, Exam, Item
from rayeval.domain.service import Endpoint


@pytest.fixture
def examples():
    """像 GPQA 一样有 198 题的合成数据集。"""
    return [
        gpqa.Example(f"Question {n}?", (f"right {n}", f"wrong {n}a", f"wrong {n}b", f"wrong {n}c"))
        for n in range(198)
    ]


@pytest.fixture
def make_shard(examples):
    """按档位的字段造一个分片；items 是题数。"""

    def make(items=1, *, endpoint=None, **fields):
        spec = AccuracySpec(dataset="unused.csv", shards=1, **fields)
        endpoint = endpoint or Endpoint("http://127.0.0.1:9/v1", "mock")
        chosen = gpqa.make_items(examples, None, 1)[:items]
        return make_shards(chosen, spec, endpoint, template="{Question}{A}{B}{C}{D}")[0]

    return make


@pytest.fixture
def make_answer():
    """造一次作答；默认答对，关键字覆盖各字段。"""

    def make(index, **fields):
        right = Answer(
            index=index,
            example=index,
            repeat=0,
            correct="B",
            prompt="Q?",
            reply="Answer: B",
            reasoning="",
            simple_evals="B",
            robust="B",
            finish_reason="stop",
            prompt_tokens=3,
            completion_tokens=4,
            duration_s=0.1,
            attempts=1,
            chars=len("Answer: B"),
        )
        return dataclasses.replace(right, **fields)

    return make


@pytest.fixture
def exam():
    """`exam(questions, repeats=1, domains=("",))`：一份只有号码的卷，正确字母都是 B。"""

    def make(questions, repeats=1, domains=("",)):
        items = tuple(
            Item(
                n,
                n % questions,
                n // questions,
                "",
                ("",) * 4,
                (0, 1, 2, 3),
                "B",
                domains[n % questions % len(domains)],
            )
            for n in range(questions * repeats)
        )
        return Exam(items, "{Question}", "rayeval", "d" * 64)

    return make
