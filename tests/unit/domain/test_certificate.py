"""太短的 cell 判不出许可兑现与否。"""

from dataclasses import fields

import pytest

from rayeval.domain.load import MIN_ASKED, Certificate, WorkerHealth


def health(asked):
    numbers = {field.name: 0 for field in fields(WorkerHealth)}
    return WorkerHealth(**numbers | {"permits_asked": asked})


@pytest.mark.parametrize(
    ("asked", "judged"),
    [((), True), ((MIN_ASKED,), True), ((0.4, 0.5), False), ((0.5, 0.5), True)],
)
def test_a_cell_of_less_than_a_permit_second_is_not_judged(asked, judged):
    assert Certificate(True, (), tuple(map(health, asked))).judged is judged
