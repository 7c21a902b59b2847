"""能力探测：支持、拒绝、无视、时好时坏，与服务不行时的不下结论。"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count as counter

import pytest

from rayeval.domain.functional import FunctionalSpec, Outcome, Support, capability_map
from rayeval.functional.context import bare_scenario
from rayeval.functional.runner import probe_task, suite_tasks
from tests.integration.openai_script import serving, whole
from tests.suites import run_suite


@pytest.fixture
def serve():
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(serving(answer))


GOOD = whole({"content": "hello there"})


def probe(endpoint, features=None, **spec):
    made = FunctionalSpec(**{"case_timeout_s": 5.0, "concurrency": 1} | spec)
    task = probe_task(bare_scenario(endpoint, features or {}), endpoint, made)
    cases = {case.case_id.partition("[")[2].rstrip("]"): case for case in run_suite(task)}
    return cases, {c.name: c for c in capability_map(cases.values())}


def choices(number):
    one = {"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    return whole({}, choices=[one | {"index": index} for index in range(number)])


def refusal(status, message):
    return whole({}, status=status, error={"message": message})


def script(flaky):
    """n 被支持、logprobs 被点名拒绝、stop 被无视、top_logprobs 被拒而不点名、json 时好时坏。"""

    def answer(body, number):
        if "top_logprobs" in body:
            return refusal(400, "bad request")
        if "logprobs" in body:
            return refusal(422, "Extra inputs are not permitted: logprobs")
        if "response_format" in body and body["response_format"]["type"] == "json_object":
            return whole({"content": "{}"}) if next(flaky) % 2 else GOOD
        return choices(body.get("n", 1)) if "n" in body else GOOD

    return answer


def test_each_attitude_of_a_service_has_its_name_and_its_evidence(serve):
    cases, found = probe(serve(script(counter())))
    assert found["n"].support is Support.SUPPORTED
    assert (found["logprobs"].support, cases["logprobs"].outcome) == (
        Support.REJECTED,
        Outcome.SKIP,
    )
    assert "HTTP 422" in found["logprobs"].why
    assert (found["stop"].support, cases["stop"].outcome) == (Support.IGNORED, Outcome.SKIP)
    assert (found["json_object"].support, cases["json_object"].outcome) == (
        Support.FLAKY,
        Outcome.SKIP,
    )
    assert all(case.evidence for case in cases.values())


def test_refusal_that_names_nothing_is_a_failure_and_no_conclusion(serve):
    cases, found = probe(serve(script(counter())))
    assert found["top_logprobs"].support is Support.UNKNOWN
    assert cases["top_logprobs"].outcome is Outcome.FAIL
    assert "names what it refuses" in cases["top_logprobs"].message


def test_declared_but_missing_fails_and_what_the_interface_promises_is_strict(serve):
    endpoint = serve(script(counter()))
    cases, found = probe(endpoint, {"logprobs": True, "stop": False})
    assert cases["logprobs"].outcome is Outcome.FAIL
    assert "declares logprobs, but it is rejected" in cases["logprobs"].message
    assert (found["logprobs"].declared, found["stop"].declared) == (True, False)
    assert cases["stop"].strict is None
    undeclared, _ = probe(endpoint)
    assert undeclared["logprobs"].strict is Outcome.FAIL
    assert undeclared["guided_choice"].strict is None


@pytest.mark.parametrize("status", [500, 503, 429])
def test_trouble_is_an_error_and_never_a_lack(serve, status):
    refused = refusal(status, "n, stop, logprobs, tools and seed are not supported")
    cases, found = probe(serve(lambda body, number: refused if number % 2 else GOOD))
    assert Outcome.ERROR in {case.outcome for case in cases.values()}
    assert Support.REJECTED not in {c.support for c in found.values()}
    for name, case in cases.items():
        if case.outcome is Outcome.ERROR:
            assert found[name].support is Support.UNKNOWN
            assert f"HTTP {status}" in case.message


def test_service_that_hangs_after_ten_requests_ends_the_probe_without_conclusions(serve):
    endpoint = serve(lambda body, number: GOOD if number < 10 else None)
    cases, _ = probe(endpoint, case_timeout_s=0.5)
    errors = [case for case in cases.values() if case.outcome is Outcome.ERROR]
    assert len(errors) > 20
    hung = [case.message for case in errors if "not run" not in case.message]
    assert len(hung) == 2
    assert all("exceeded its limit" in message for message in hung)
    assert sum("not run" in case.message and "hangs" in case.message for case in errors) > 20
    assert not any(
        case.capability and case.capability.support is not Support.UNKNOWN for case in errors
    )


def test_service_that_died_ends_the_suite_and_says_so(serve):
    with serving(lambda body, number: GOOD) as endpoint:
        pass
    cases, found = probe(endpoint)
    assert {case.outcome for case in cases.values()} == {Outcome.ERROR}
    assert {c.support for c in found.values()} == {Support.UNKNOWN}
    assert sum("is gone" in case.message for case in cases.values()) == len(cases) - 2


def test_one_case_that_hangs_does_not_end_the_suite_of_a_living_service(serve):
    endpoint = serve(lambda body, number: None if "stop" in body else GOOD)
    spec = FunctionalSpec(suites=("params_boundary",), select="stop_is", case_timeout_s=0.5)
    (task,) = suite_tasks(bare_scenario(endpoint, {}), endpoint, spec)
    messages = [case.message for case in run_suite(task)]
    assert len(messages) == 3
    assert not any("not run" in message for message in messages)


def test_what_the_probe_saw_work_may_not_be_lacking_later(serve):
    endpoint = serve(lambda body, number: GOOD)
    spec = FunctionalSpec(suites=("chat_core",), select="gives_n_choices and non_stream")
    scenario = bare_scenario(endpoint, {})
    _, found = probe(serve(script(counter())))
    (alone,) = run_suite(suite_tasks(scenario, endpoint, spec)[0])
    assert (alone.outcome, alone.strict) == (Outcome.SKIP, Outcome.FAIL)
    (probed,) = run_suite(suite_tasks(scenario, endpoint, spec, (found["n"],))[0])
    assert probed.outcome is Outcome.FAIL
    assert "worked when it was probed" in probed.message
