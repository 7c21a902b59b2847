"""出卷与续考：卷在分片之前就定了；不是同一场考试不能接着考。"""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rayeval.accuracy.exam import resume, set_exam
from rayeval.accuracy.shards import make_shards
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.service import Endpoint
from rayeval.errors import ConfigError, UsageError

SAMPLE = str(Path(__file__).parents[3] / "configs/demo/science_sample.csv")


def spec(**fields):
    return AccuracySpec(**{"dataset": SAMPLE, "dataset_name": "science_sample", **fields})


@settings(max_examples=30)
@given(st.integers(1, 64), st.integers(1, 64))
def test_neither_shards_nor_threads_change_an_item_or_its_order(shards, threads):
    first = set_exam(spec(n_repeats=2), "m")
    made = spec(n_repeats=2, shards=shards, threads=threads)
    other = set_exam(made, "m")
    assert other == first
    cut = make_shards(other.items, made, Endpoint("http://h/v1", "m"), template="t")
    assert tuple(item for shard in cut for item in shard.items) == first.items


def test_what_was_answered_well_is_not_asked_again(make_answer):
    exam = set_exam(spec(), "m")
    answers = [
        make_answer(0, correct=exam.items[0].correct),
        make_answer(1, correct=exam.items[1].correct, error_class="reset"),
        make_answer(2, correct="?"),
        make_answer(999),
    ]
    again = resume(exam, dict(exam.identity), answers, "x")
    assert [answer.index for answer in again.answered] == [0]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"temperature": 0.0}, "temperature was 0.0, is 0.6"),
        ({"num_examples": 5}, "num_examples was 5, is None"),
        ({"system_message": "Hi"}, "system_message was Hi, is None"),
    ],
)
def test_another_exam_is_not_gone_on_with(fields, told):
    earlier = set_exam(spec(**fields), "m")
    with pytest.raises(UsageError, match=told):
        resume(set_exam(spec(), "m"), dict(earlier.identity), [], "x")


def test_another_model_is_another_exam():
    with pytest.raises(UsageError, match="model was other, is m"):
        resume(set_exam(spec(), "m"), dict(set_exam(spec(), "other").identity), [], "x")


def test_the_identity_holds_no_question_text():
    exam = set_exam(spec(), "m")
    told = repr(exam) + repr(exam.identity)
    assert not any(item.question in told for item in exam.items)


def test_an_mmlu_file_is_no_gpqa_file(tmp_path):
    path = tmp_path / "m.csv"
    path.write_text("Question,A,B,C,D,Answer,Subject\nq,a,b,c,d,A,x\n")
    assert len(set_exam(spec(dataset=str(path), benchmark="mmlu"), "m").items) == 1
    with pytest.raises(ConfigError, match="missing columns"):
        set_exam(spec(dataset=str(path)), "m")
