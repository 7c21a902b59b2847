"""套件进程的话：写得出、读得回，坏行说得清。"""

from __future__ import annotations

import pytest

from rayeval.domain.functional import CaseResult, Evidence, Outcome
from rayeval.functional.lines import Collected, Finished, Started, Stopped, decode, encode

CASE = CaseResult(
    "guided",
    "guided/json[中文]",
    Outcome.FAIL,
    1.5,
    "行一\n行二 \ud83d",
    (Evidence("POST", "/x", "{}", None, "🙂\n"),),
)


@pytest.mark.parametrize(
    "line", [Collected(("a/b", "a/c"), 2), Started("a/b"), Finished(CASE), Stopped("hang")]
)
def test_line_survives_the_pipe(line):
    data = encode(line)
    assert data.isascii()
    assert data.count(b"\n") == 1
    assert decode(data) == line


@pytest.mark.parametrize("data", [b"noise", b"{}", b"[]", b'{"kind": "x"}', b'{"kind":"started"}'])
def test_line_of_a_stranger_is_an_error(data):
    with pytest.raises(ValueError):  # noqa: PT011 JSON 自己的错误也算
        decode(data)
