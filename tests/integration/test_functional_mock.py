"""六个套件对内置服务：每个用例都通过，留痕里没有密钥。"""

from __future__ import annotations

from dataclasses import replace

import pytest
from pydantic import SecretStr

from rayeval.domain.functional import SUITES, FunctionalSpec, Outcome
from rayeval.functional.context import bare_scenario
from rayeval.functional.runner import suite_tasks
from tests.suites import run_suite

KEY = "sk-functional-secret"
FEATURES = ("function_call", "guided", "reasoning", "logprobs", "n", "seed", "completions", "echo")


def run(endpoint, spec, features=FEATURES):
    scenario = bare_scenario(endpoint, dict.fromkeys(features, True))
    return [case for task in suite_tasks(scenario, endpoint, spec) for case in run_suite(task)]


def test_embedded_service_passes_every_case(start_mock):
    mock = start_mock("--reasoning", "--api-key", KEY)
    endpoint = replace(mock.endpoint, api_key=SecretStr(KEY))
    cases = run(endpoint, FunctionalSpec(case_timeout_s=30))
    bad = [f"{c.outcome} {c.case_id}: {c.message}" for c in cases if c.outcome is not Outcome.PASS]
    assert not bad
    ids = [case.case_id for case in cases]
    assert len(set(ids)) == len(ids)
    assert {case.suite for case in cases} == set(SUITES)
    for suite in SUITES:
        assert sum(case.suite == suite for case in cases) >= 10
    for case in cases:
        assert case.evidence, f"{case.case_id} leaves no evidence"
        assert KEY not in repr(case)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_suite_reads_either_field(start_mock, key):
    mock = start_mock("--reasoning", "--reasoning-key", key)
    cases = run(mock.endpoint, FunctionalSpec(suites=("reasoning",)))
    assert {case.outcome for case in cases} == {Outcome.PASS}


def test_service_that_does_not_reason_is_skipped_or_fails_as_declared(start_mock):
    endpoint = start_mock().endpoint
    spec = FunctionalSpec(suites=("reasoning",), select="reasoning_is_there or answer_follows")
    undeclared = run(endpoint, spec, ())
    assert {case.outcome for case in undeclared} == {Outcome.SKIP}
    assert all("not declared" in case.message and case.evidence for case in undeclared)
    declared = run(endpoint, spec, ("reasoning",))
    assert {case.outcome for case in declared} == {Outcome.FAIL}
    scenario = bare_scenario(endpoint, {"reasoning": False})
    (task,) = suite_tasks(scenario, endpoint, spec)
    absent = list(run_suite(task))
    assert {case.outcome for case in absent} == {Outcome.SKIP}
    assert not any(case.evidence for case in absent)


def test_wrong_key_is_an_error_not_a_skip(start_mock):
    mock = start_mock("--api-key", KEY)
    endpoint = replace(mock.endpoint, api_key=SecretStr("sk-some-other-key"))
    cases = run(endpoint, FunctionalSpec(suites=("guided",), select="json_object"))
    assert {case.outcome for case in cases} == {Outcome.ERROR}
    assert all("HTTP 401" in case.message for case in cases)


def test_nobody_listening_is_an_error_not_a_skip(start_mock):
    mock = start_mock()
    mock.stop()
    cases = run(mock.endpoint, FunctionalSpec(suites=("guided",), select="json_object"), ())
    assert {case.outcome for case in cases} == {Outcome.ERROR}
    assert all("ConnectError" in case.message for case in cases)
