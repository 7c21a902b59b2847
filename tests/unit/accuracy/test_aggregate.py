import math
import random
import statistics

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.accuracy.aggregate import aggregate, dedupe
from rayeval.accuracy.spread import clustered_stderr, interval
from rayeval.domain.accuracy import AccuracySpec

WRONG = {"simple_evals": "A", "robust": "A"}


def spec(**fields):
    return AccuracySpec(dataset="x.csv", dataset_name="sample", **fields)


def test_score_std_and_interval_agree_with_an_independent_computation(make_answer, exam):
    answers = [make_answer(n, **({} if n % 10 < 7 else WRONG)) for n in range(200)]
    got = aggregate(answers, spec(), exam(200))
    values = [1.0] * 140 + [0.0] * 60
    assert got.score == pytest.approx(0.7)
    assert got.std == pytest.approx(statistics.pstdev(values))
    stderr = statistics.stdev(values) / math.sqrt(200)
    assert got.stderr == pytest.approx(stderr)
    assert (got.low, got.high) == pytest.approx((0.7 - 1.96 * stderr, 0.7 + 1.96 * stderr))
    assert (got.n, got.examples, got.repeats, got.prompt) == (200, 200, 1, "rayeval")


def test_the_standard_error_is_that_of_the_means_of_the_questions(make_answer, exam):
    dice = random.Random(3)
    rights = [[dice.random() < 0.3 + 0.02 * g for g in range(20)] for _ in range(10)]
    answers = [
        make_answer(r * 20 + g, example=g, repeat=r, **({} if rights[r][g] else WRONG))
        for r in range(10)
        for g in range(20)
    ]
    got = aggregate(answers, spec(n_repeats=10), exam(20, 10))
    means = [statistics.fmean(float(rights[r][g]) for r in range(10)) for g in range(20)]
    assert got.stderr == pytest.approx(statistics.stdev(means) / math.sqrt(20))
    assert got.examples == 20


def test_failed_and_missing_answers_stay_in_the_denominator(make_answer, exam):
    failed = make_answer(1, reply="", simple_evals=None, robust=None, error_class="timeout")
    got = aggregate([make_answer(0), failed], spec(), exam(4))
    assert (got.score, got.robust_score, got.error_ratio) == (0.25, 0.25, 0.75)
    assert got.errors == (("incomplete", 2), ("timeout", 1))
    assert got.unparsed_ratio == 0
    assert got.mean_chars == len("Answer: B") / 4
    assert not got.valid
    assert not got.ok


def test_the_outcomes_part_all_answers_into_classes(make_answer, exam):
    answers = [
        make_answer(0),
        make_answer(1, kind="empty", simple_evals=None),
        make_answer(2, kind="", error_class="http_5xx"),
    ]
    got = aggregate(answers, spec(), exam(5))
    assert got.outcomes == (("empty", 1), ("http_5xx", 1), ("incomplete", 2), ("parsed", 1))


def test_each_domain_has_its_own_score_and_error(make_answer, exam):
    answers = [
        make_answer(n, example=n % 6, **(WRONG if n % 6 in (0, 2) else {})) for n in range(11)
    ]
    got = aggregate(answers, spec(n_repeats=2), exam(6, 2, ("Physics", "")))
    none, physics = got.domains
    assert (physics.name, physics.n, physics.examples) == ("Physics", 6, 3)
    assert physics.score == pytest.approx(1 / 3)
    assert physics.stderr == pytest.approx(statistics.stdev([0, 0, 1]) / math.sqrt(3))
    assert (none.name, none.n, none.score) == ("(none)", 6, pytest.approx(5 / 6))  # 少的那题也在
    assert aggregate(answers, spec(), exam(11)).domains == ()


def test_a_failed_answer_scores_nothing_whatever_letter_it_carries(make_answer, exam):
    assert aggregate([make_answer(0, error_class="reset")], spec(), exam(1)).score == 0


def test_the_error_limit_itself_is_still_valid(make_answer, exam):
    answers = [make_answer(n, error_class="reset" if n == 0 else None) for n in range(20)]
    assert aggregate(answers, spec(max_error_ratio=0.05), exam(20)).valid
    assert not aggregate(answers, spec(max_error_ratio=0.04), exam(20)).valid


def test_a_lower_case_letter_is_wrong_for_simple_evals_and_right_for_robust(make_answer, exam):
    got = aggregate([make_answer(0, simple_evals="b")], spec(), exam(1))
    assert (got.score, got.robust_score) == (0.0, 1.0)


def test_unparsed_and_truncated_are_shares_of_all(make_answer, exam):
    cut = make_answer(0, simple_evals=None, robust=None, finish_reason="length")
    got = aggregate([cut, *(make_answer(n) for n in range(1, 4))], spec(), exam(4))
    assert (got.unparsed_ratio, got.truncated_ratio) == (0.25, 0.25)


def test_min_score_is_reached_by_equality(make_answer, exam):
    answers = [make_answer(0), make_answer(1, **WRONG)]
    assert aggregate(answers, spec(min_score=0.5), exam(2)).ok
    assert not aggregate(answers, spec(min_score=0.51), exam(2)).ok


def test_no_items_is_no_result(exam):
    got = aggregate([], spec(), exam(0, 1))
    assert (got.valid, got.score, got.low, got.high) == (False, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("mean", [0.0, 1.0])
def test_a_perfect_run_still_has_an_interval(mean):
    low, high = interval(mean, 0.0, 5)
    assert 0.3 < high - low < 0.6
    assert low <= mean <= high


def test_one_question_asked_often_tells_little():
    assert clustered_stderr(numpy.array([1.0, 0.0, 1.0]), [7, 7, 7]) == 0
    low, high = interval(2 / 3, 0.0, 1)
    assert high - low > 0.7


@given(st.floats(0, 1), st.floats(0, 1), st.integers(0, 300))
def test_the_interval_holds_the_mean_and_stays_in_range(mean, stderr, clusters):
    low, high = interval(mean, stderr, clusters)
    assert 0 <= low <= mean <= high <= 1


def test_a_shard_that_ran_twice_counts_once_and_the_last_answer_wins(make_answer, exam):
    answers = [make_answer(1, **WRONG), make_answer(0), make_answer(1)]
    assert [answer.index for answer in dedupe(answers)] == [0, 1]
    assert aggregate(answers, spec(), exam(2)).score == 1.0


def test_arrival_order_changes_nothing(make_answer, exam):
    answers = [make_answer(n, **({} if n % 3 else WRONG)) for n in range(30)]
    shuffled = random.Random(5).sample(answers, 30)
    assert aggregate(shuffled, spec(), exam(30)) == aggregate(answers, spec(), exam(30))
