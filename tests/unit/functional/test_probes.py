"""能力表：名字都可声明，拒绝要点名，几次试探不同就是时好时坏。"""

from __future__ import annotations

import re

import pytest

from rayeval.domain.functional import FEATURES, Support
from rayeval.functional.exchange import Exchange
from rayeval.functional.expect import names_any
from rayeval.functional.params import DEFAULT_PARAMS
from rayeval.functional.probes import PROBES
from rayeval.functional.probing import Probe, Refused, conclude
from rayeval.functional.runner import SUITES_DIR


def test_everything_probed_and_everything_marked_can_be_declared():
    names = {name for probe in PROBES for name in probe.features}
    marked = set()
    for path in SUITES_DIR.glob("test_*.py"):
        for words in re.findall(r"mark.feature\(([^)]*)\)", path.read_text(encoding="utf-8")):
            marked |= set(re.findall(r'"([a-z_]+)"', words))
    assert marked
    assert names | marked | set(DEFAULT_PARAMS) <= set(FEATURES)
    assert len({probe.name for probe in PROBES}) == len(PROBES)


@pytest.mark.parametrize(
    ("text", "param", "named"),
    [
        ("n must be 1", "n", True),
        ("n is not supported", "n", True),
        ('{"loc": ["body", "n"]}', "n", True),
        ("internal trouble", "n", False),
        ("line\\none", "n", False),
        ("top_logprobs is too large", "logprobs", True),
        ("Tool Choice requires a parser", "tool_choice", True),
        ("unknown logprob", "logprobs", False),
        ("stopping the server", "stop", False),
    ],
)
def test_refusal_names_a_parameter_only_by_a_whole_word(text, param, named):
    assert names_any(Exchange("POST", "/", {}, False, 400, text=text), (param,)) is named


def tried(*supports):
    left = iter(supports)

    def attempt(_ask):
        support = next(left)
        if support is Support.REJECTED:
            raise Refused("HTTP 422: n")
        return support, "why"

    return conclude(Probe("n", ("n",), attempt), None)[0]


S, R, X, U = Support.SUPPORTED, Support.REJECTED, Support.IGNORED, Support.UNKNOWN


@pytest.mark.parametrize(
    ("supports", "found"),
    [
        ((S, S), S),
        ((R, R), R),
        ((X, X), X),
        ((S, X, S), Support.FLAKY),
        ((R, S, S), Support.FLAKY),
        ((U,), U),
        ((S, U), U),
    ],
)
def test_two_equal_trials_conclude_and_different_ones_are_flaky(supports, found):
    assert tried(*supports) is found
