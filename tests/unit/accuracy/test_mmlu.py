"""MMLU：列、抽样、大类、读字母；接缝上的第二个基准。"""

import random

import pytest

from rayeval.accuracy import benchmarks, mmlu
from rayeval.domain.accuracy import AccuracySpec
from rayeval.errors import ConfigError

HEADER = "Question,A,B,C,D,Answer,Subject\n"
ROWS = "".join(f"Q{n},a{n},b{n},c{n},d{n},{'ABCD'[n % 4]},anatomy\n" for n in range(40))


def spec(**fields):
    return AccuracySpec(dataset="m.csv", benchmark="mmlu", **fields)


def items(text, **fields):
    return benchmarks.find("mmlu").items(spec(**fields), (HEADER + text).encode())


def test_options_stay_as_they_are_and_the_letter_is_the_files():
    first = items(ROWS)[1]
    assert (first.options, first.correct) == (("a1", "b1", "c1", "d1"), "B")
    assert first.domain == "other"


def test_the_sample_is_that_of_a_generator_of_our_own():
    random.seed(9)
    made = items(ROWS, num_examples=5, n_repeats=2)
    assert [item.example for item in made[:5]] == random.Random(0).sample(range(40), 5)
    assert [item.example for item in made[5:]] == [item.example for item in made[:5]]
    assert [item.repeat for item in made] == [0] * 5 + [1] * 5


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("abstract_algebra", "stem"),
        ("high_school_physics", "stem"),
        ("machine_learning", "stem"),
        ("high_school_us_history", "humanities"),
        ("jurisprudence", "humanities"),
        ("high_school_psychology", "social_sciences"),
        ("virology", "other"),
        ("my own", "other"),
    ],
)
def test_subjects_belong_to_four_categories(subject, name):
    assert mmlu.category(subject) == name


def test_all_fifty_seven_subjects_have_their_place():
    counts = {name: len(subjects) for name, subjects in mmlu._CATEGORIES.items()}
    assert counts == {"stem": 18, "humanities": 13, "social_sciences": 12}  # 其余 14 个归 other


@pytest.mark.parametrize(
    ("reply", "letter"),
    [
        ("Answer: B", "B"),
        ("**Answer:** C", "C"),
        ("answer : d", "d"),
        ("Answer: $\\boxed{A}$", "A"),
        ("答案：B", "B"),
        ("答：\uff23", "C"),
        ("答案: A，不对。Answer: D", "D"),
        ("It is B", None),
        ("", None),
    ],
)
def test_letters_are_read_after_the_dress_is_off(reply, letter):
    assert mmlu.extract(reply) == letter


@pytest.mark.parametrize(
    ("text", "told"),
    [("q,a,b,c,d,E,anatomy\n", "question 1: Answer must be"), ("q,a,b,c,,A,x\n", "D: this row")],
)
def test_a_bad_row_is_named(text, told):
    with pytest.raises(ConfigError, match=told):
        items(text)
