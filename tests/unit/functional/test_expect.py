"""用例的用语：违约说得清楚，缺能力按声明处置，5xx 从不算不支持。"""

from __future__ import annotations

import pytest

from rayeval.client.assemble import from_body
from rayeval.client.openai import parse
from rayeval.domain.service import Endpoint
from rayeval.functional.context import bare_scenario
from rayeval.functional.exchange import Exchange
from rayeval.functional.expect import Broken, Feature, expect

NAMES = '{"error": {"message": "\\"auto\\" Tool Choice requires a parser"}}'


def reply(status, text="{}"):
    body = parse(text)
    return Exchange(
        "POST", "/chat", {"n": 2}, False, status, text=text, body=body, completion=from_body(body)
    )


def test_failure_says_what_was_sent_what_came_and_where_it_is_promised():
    with pytest.raises(Broken) as caught:
        expect(reply(200, '{"x": 1}'), False, "n=2 gives two choices", "OpenAI API reference")
    message = str(caught.value)
    assert message.startswith("expected: n=2 gives two choices; came: HTTP 200\n")
    for part in ('came: HTTP 200 {"x": 1}', 'sent: POST /chat {"n": 2}', "OpenAI API reference"):
        assert part in message


def test_undeclared_feature_whose_parameter_is_rejected_is_skipped():
    with pytest.raises(pytest.skip.Exception, match="not declared, and not supported: rejected"):
        Feature("function_call", None).accepted(reply(400, NAMES), "tool_choice")


def test_declared_feature_whose_parameter_is_rejected_fails():
    with pytest.raises(Broken, match="declares the feature function_call"):
        Feature("function_call", True).accepted(reply(400, NAMES), "tool_choice")


def test_rejection_that_names_no_parameter_is_a_failure_even_if_undeclared():
    with pytest.raises(Broken, match="answered with 200"):
        Feature("function_call", None).accepted(reply(400, '{"error": "bad request"}'), "tools")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_is_never_taken_for_lacking_support(status):
    with pytest.raises(Broken):
        Feature("n", None).accepted(reply(status, '{"error": "n is not supported"}'), "n")


def test_accepted_but_ignored_is_skipped_only_if_undeclared():
    with pytest.raises(pytest.skip.Exception, match="ignored: one choice"):
        Feature("n", None).honoured(reply(200), False, "one choice")
    with pytest.raises(Broken, match="ignored: one choice"):
        Feature("n", True).honoured(reply(200), False, "one choice")


def test_feature_is_found_under_its_alias():
    endpoint = Endpoint("http://127.0.0.1:9/v1", "m")
    scenario = bare_scenario(endpoint, {"tools": True, "guided": False})
    assert Feature.of(scenario, "function_call", "tools") == Feature("function_call", True)
    assert Feature.of(scenario, "guided").declared is False
    assert Feature.of(scenario, "n").declared is None
