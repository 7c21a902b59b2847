"""边界表：配置优先，同伴参数齐全，用例名是 ASCII 且互不相同。"""

from __future__ import annotations

from rayeval.domain.functional import FunctionalSpec, ParamRange
from rayeval.functional.params import DEFAULT_PARAMS, case_name, ranges, request_params


def test_configured_ranges_replace_the_default_ones():
    mine = {"min_p": ParamRange(valid=(0,))}
    assert ranges(FunctionalSpec(params=mine)) == mine
    assert ranges(FunctionalSpec()) == DEFAULT_PARAMS


def test_parameter_comes_with_the_companion_it_needs():
    assert request_params("top_logprobs", 5) == {"logprobs": True, "top_logprobs": 5}
    assert request_params("temperature", None) == {"temperature": None}


def test_case_names_are_ascii_and_distinct():
    pairs = [(n, v) for n, span in DEFAULT_PARAMS.items() for v in (*span.valid, *span.invalid)]
    names = [case_name(*pair) for pair in [*pairs, ("stop", "。"), ("n", None)]]
    assert all(name.isascii() for name in names)
    assert len(set(names)) == len(names)
