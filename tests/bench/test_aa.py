"""A/A 研究自己的算法：没有起伏就从不亮红，真变了总看得见。"""

from __future__ import annotations

import numpy as np

from tests.bench.aa import Pool, main, smallest, study


def pool(spread: float) -> Pool:
    rng = np.random.default_rng(1)
    first = 0.2 * (1 + spread * rng.standard_normal((300, 1)))
    return Pool(2, np.hstack((first, first + 0.1, first + 0.1)))


def test_a_steady_service_is_never_red_and_a_change_beyond_the_limits_always_is():
    pools, cells = {2: pool(0.001)}, [(2, 128)]
    same, slow = study(pools, cells, 10, 0.0), study(pools, cells, 10, 0.15)
    assert (same.contract, same.red, same.inconclusive) == (0, 0, 0)
    assert (slow.contract, slow.red) == (1, 1)
    assert smallest({0.0: same, 0.15: slow}, "red") == "15%"


def test_a_noisy_service_turns_contract_red_and_robust_hardly():
    found = study({2: pool(0.4)}, [(2, 32)], 60, 0.0)
    assert found.contract > 0.3
    assert found.red < 0.1
    assert found.inconclusive > found.red


def test_an_unknown_profile_is_refused_before_anything_is_measured(capsys):
    assert main(["--profiles", "weekly"]) == 2
    assert "weekly" in capsys.readouterr().err
