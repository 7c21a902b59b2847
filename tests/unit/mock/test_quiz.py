"""选择题：按约定的正确率，且只由题面与选项次序决定。"""

import itertools
import re

import pytest

from rayeval.mock.quiz import Quiz, find_options

HEADER = "Question,Correct Answer,Incorrect Answer 1,Incorrect Answer 2,Incorrect Answer 3\n"


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "key.csv"
    rows = [f'"What is {n}, plus\none?",{n + 1},{n + 2},{n + 3},{n + 4}\n' for n in range(10, 60)]
    path.write_text(HEADER + "".join(rows), encoding="utf-8")
    return str(path)


def prompt(number, order=(0, 1, 2, 3), style="{}) {}"):
    options = [number + 1, number + 2, number + 3, number + 4]
    lines = [style.format("ABCD"[k], options[place]) for k, place in enumerate(order)]
    return f"Answer this.\n\nWhat is {number}, plus\none?\n\n" + "\n".join(lines)


def letter(reply):
    return re.search(r"Answer: ([A-D])$", reply).group(1)


def right(order):
    return "ABCD"[order.index(0)]


@pytest.mark.parametrize("style", ["{}) {}", "({}) {}", "{}. {}", "{}： {}", "  {}、{}"])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)])
def test_a_known_question_is_answered_right_wherever_the_answer_stands(key, style, order):
    quiz = Quiz.load(key, 1.0, 0)
    assert letter(quiz.reply(prompt(10, order, style))) == right(order)


def test_no_accuracy_means_always_wrong(key):
    quiz = Quiz.load(key, 0.0, 0)
    for order in itertools.permutations(range(4)):
        assert letter(quiz.reply(prompt(10, order))) != right(order)


def test_the_share_of_right_answers_is_the_accuracy(key):
    quiz = Quiz.load(key, 0.7, 1)
    orders = list(itertools.permutations(range(4)))
    asked = [(number, order) for number in range(10, 60) for order in orders]
    hits = sum(letter(quiz.reply(prompt(*one))) == right(one[1]) for one in asked)
    assert 0.66 < hits / len(asked) < 0.74


def test_answers_do_not_depend_on_the_order_of_asking(key):
    one, other = Quiz.load(key, 0.5, 2), Quiz.load(key, 0.5, 2)
    prompts = [prompt(number) for number in range(10, 60)]
    forward = [one.reply(text) for text in prompts]
    backward = [other.reply(text) for text in reversed(prompts)]
    assert forward == backward[::-1]


def test_another_seed_errs_elsewhere(key):
    prompts = [prompt(number) for number in range(10, 60)]
    runs = [[Quiz.load(key, 0.5, seed).reply(text) for text in prompts] for seed in (0, 1)]
    assert runs[0] != runs[1]


def test_an_unknown_question_still_gets_a_stable_letter():
    quiz = Quiz.load(None, 1.0, 0)
    text = "Which?\nA) one\nB) two\nC) three\nD) four"
    assert letter(quiz.reply(text)) == letter(quiz.reply(text))


@pytest.mark.parametrize("text", ["hello", "A) only\nB) two", "A. yes", "B) x\nC) y\nD) z"])
def test_what_is_not_a_multiple_choice_question_is_left_alone(text):
    assert Quiz.load(None, 1.0, 0).reply(text) is None


def test_options_may_run_over_lines_and_be_followed_by_text(key):
    text = "What is 10, plus\none?\nA) 12\nB) 13\nC) 14\nD)\n11\n\nThink first."
    assert letter(Quiz.load(key, 1.0, 0).reply(text)) == "D"
    assert [option.letter for option in find_options(text)] == list("ABCD")


def test_a_file_without_the_columns_is_refused_by_name(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("Question,Answer\n", encoding="utf-8")
    with pytest.raises(ValueError, match="Correct Answer"):
        Quiz.load(str(path), 1.0, 0)
