"""与基线配对：四格、McNemar、聚类；数字与手算的一致。"""

import math
import random

import pytest

from rayeval.accuracy.paired import compare, exact


def scores(values, repeats=1):
    size = len(values) // repeats
    return {(n % size, n // size): float(value) for n, value in enumerate(values)}


def test_the_four_cells_and_the_difference():
    now = scores([1, 1, 0, 0, 1, 0])
    then = scores([1, 0, 1, 1, 1, 0])
    got = compare(now, then, "base")
    assert (got.both_right, got.lost, got.won, got.both_wrong) == (2, 2, 1, 1)
    assert (got.n, got.examples, got.method, got.baseline) == (6, 6, "exact", "base")
    assert got.difference == pytest.approx(-1 / 6)
    assert got.p_value == 1.0


@pytest.mark.parametrize(
    ("lost", "won", "p"),
    [(0, 0, 1.0), (1, 0, 1.0), (6, 0, 2 / 64), (9, 1, 22 / 1024), (5, 5, 1.0)],
)
def test_the_exact_test_is_the_binomial_one(lost, won, p):
    assert exact(lost, won) == pytest.approx(p)
    assert exact(won, lost) == pytest.approx(p)


def test_many_pairs_come_near_the_normal():
    assert exact(5200, 4900) == pytest.approx(math.erfc(299 / math.sqrt(10100) / math.sqrt(2)))


def test_repeats_of_a_question_are_no_independent_evidence():
    now, then = [1] * 4 + [0] * 6, [0] * 4 + [0] * 6  # 四题翻了，每题问十遍都翻
    once, often = compare(scores(now), scores(then), "b"), compare(
        scores(now * 10, 10), scores(then * 10, 10), "b"
    )
    assert often.method == "clustered"
    assert often.p_value == pytest.approx(math.erfc(4 / math.sqrt(4) / math.sqrt(2)))
    assert often.p_value > 0.02  # 按四十对独立算会小得离谱
    assert often.stderr == pytest.approx(once.stderr)


def test_no_difference_is_no_finding_and_nothing_shared_is_none():
    same = scores([1, 0, 1] * 4, 4)
    got = compare(same, same, "b")
    assert (got.p_value, got.significant, got.difference) == (1.0, False, 0.0)
    assert compare(scores([1]), {}, "b") is None


def test_equal_services_rarely_differ_significantly():
    dice, false_alarms = random.Random(4), 0
    for _ in range(300):
        right = [dice.random() for _ in range(30)]
        runs = [[float(dice.random() < right[n % 30]) for n in range(120)] for _ in range(2)]
        false_alarms += compare(scores(runs[0], 4), scores(runs[1], 4), "b").significant
    assert false_alarms <= 26
