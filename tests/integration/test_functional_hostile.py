"""套件对心怀不轨的服务：该败的败，该错的错，从不把坏说成不支持，从不自己倒下。"""

from __future__ import annotations

from contextlib import ExitStack

import pytest

from rayeval.domain.functional import FunctionalSpec, Outcome
from rayeval.functional.context import bare_scenario
from rayeval.functional.runner import suite_tasks
from tests.integration.openai_script import DROP, delta, events, serving, whole
from tests.suites import run_suite


@pytest.fixture
def serve():
    with ExitStack() as stack:
        yield lambda answer: stack.enter_context(serving(answer))


def run(endpoint, suite, select, **spec):
    made = FunctionalSpec(suites=(suite,), select=select, **spec)
    (task,) = suite_tasks(bare_scenario(endpoint, {}), endpoint, made)
    return {case.case_id.partition("/")[2]: case for case in run_suite(task)}


GOOD = whole({"content": "hello there"})


def test_service_that_is_unavailable_every_second_time_gives_errors_never_skips(serve):
    refusal = whole({}, status=503, error={"message": "n and tools are not supported"})
    endpoint = serve(lambda body, count: refusal if count % 2 else GOOD)
    cases = run(endpoint, "chat_core", "answers and non_stream")
    found = {case.outcome for case in cases.values()}
    assert found == {Outcome.PASS, Outcome.ERROR}
    assert all("HTTP 503" in c.message for c in cases.values() if c.outcome is Outcome.ERROR)


def test_service_that_hangs_is_an_error_and_ends_the_suite(serve):
    cases = run(
        serve(lambda body, count: None), "chat_core", "answers", case_timeout_s=0.4, concurrency=1
    )
    assert {case.outcome for case in cases.values()} == {Outcome.ERROR}
    messages = [case.message for case in cases.values()]
    assert len(messages) == 8
    assert sum("exceeded its limit" in message for message in messages[:2]) == 2
    assert all("not run" in message for message in messages[2:])
    first = next(iter(cases.values())).evidence[0]
    assert first.status is None
    assert "exceeded its limit" in first.reply


STREAM = [delta(role="assistant"), delta(content="hi"), delta("stop")]


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (events(*STREAM[:2], "[DONE]"), Outcome.FAIL, "finish_reason"),
        (events(STREAM[0], STREAM[2], "[DONE]"), Outcome.FAIL, "not blank"),
        (events(STREAM[0], "{broken", *STREAM[1:], "[DONE]"), Outcome.FAIL, "JSON object"),
        (events(STREAM[0], '{"error": {"message": "no memory"}}'), Outcome.ERROR, "no memory"),
        (events("null", '{"choices": null}', "[]", "[DONE]"), Outcome.FAIL, "JSON object"),
        (GOOD, Outcome.FAIL, "text/event-stream"),
        ((200, "text/event-stream", b""), Outcome.FAIL, "[DONE]"),
        ((400, "text/plain", b"bad request"), Outcome.FAIL, "answered with 200"),
        ((500, "text/plain", b"tools is not supported"), Outcome.ERROR, "HTTP 500"),
    ],
)
def test_faulty_stream_is_told(serve, answer, outcome, said):
    cases = run(serve(lambda body, count: answer), "chat_core", "answers and stream-en and not non")
    assert [case.outcome for case in cases.values()] == [outcome]
    (case,) = cases.values()
    assert said in case.message


@pytest.mark.parametrize(
    "answer",
    [
        (200, "application/json", b"[]"),
        (200, "application/json", b"null"),
        (200, "application/json", b'{"choices": {"0": 1}}'),
        (200, "application/json", b'{"choices": [null, {"message": [1]}]}'),
        (200, "application/json", b'{"choices": [{"message": {"content": "\\ud83d"}}]}'),
        (200, "text/html", b"<html>hello</html>"),
        (302, "text/html", b""),
    ],
)
def test_odd_replies_fail_a_case_and_never_crash_it(serve, answer):
    cases = run(serve(lambda body, count: answer), "chat_core", "answers and non_stream-en")
    (case,) = cases.values()
    assert case.outcome in {Outcome.FAIL, Outcome.ERROR}
    assert "Traceback" not in case.message
    assert "Error:" not in case.message
    assert case.evidence


def test_invalid_value_answered_with_500_by_a_healthy_service_fails(serve):
    def answer(body, count):
        return GOOD if body.get("temperature") == 0 else (500, "text/plain", b"oops")

    cases = run(serve(answer), "params_boundary", "outside and temperature:2.1")
    (case,) = cases.values()
    assert case.outcome is Outcome.FAIL
    assert "answered with a 4xx" in case.message


def test_invalid_value_answered_with_500_by_a_sick_service_is_an_error(serve):
    endpoint = serve(lambda body, count: (500, "text/plain", b"oops"))
    cases = run(endpoint, "params_boundary", "outside and temperature:2.1")
    assert [case.outcome for case in cases.values()] == [Outcome.ERROR]


def test_parameter_refused_at_every_value_is_skipped_at_one_value_fails(serve):
    refusal = whole({}, status=422, error={"message": "Extra inputs: top_k"})
    cases = run(
        serve(lambda body, count: refusal if "top_k" in body else GOOD),
        "params_boundary",
        "inside and top_k",
    )
    assert {case.outcome for case in cases.values()} == {Outcome.SKIP}
    cases = run(
        serve(lambda body, count: refusal if body.get("top_k") == 50 else GOOD),
        "params_boundary",
        "inside and top_k",
    )
    assert sorted(case.outcome for case in cases.values()) == [Outcome.FAIL, Outcome.PASS]


def test_limit_beyond_the_context_window_is_skipped_with_the_reason(serve):
    refusal = whole({}, status=400, error={"message": "maximum context length is 4096 tokens"})
    cases = run(
        serve(lambda body, count: refusal if body["max_tokens"] > 4000 else GOOD),
        "params_boundary",
        "inside and max_tokens:16384",
    )
    (case,) = cases.values()
    assert case.outcome is Outcome.SKIP
    assert "context window is shorter than 16384" in case.message


def test_service_without_completions_skips_that_suite(serve):
    endpoint = serve(lambda body, count: (404, "application/json", b'{"detail": "Not Found"}'))
    cases = run(endpoint, "completions_core", "continues")
    assert {case.outcome for case in cases.values()} == {Outcome.SKIP}


def test_completions_refused_for_the_model_name_is_not_a_missing_route(serve):
    refusal = (404, "application/json", b'{"error": "The model m does not exist"}')
    cases = run(serve(lambda body, count: refusal), "completions_core", "continues")
    assert {case.outcome for case in cases.values()} == {Outcome.FAIL}


def test_schema_ignored_is_told_from_schema_broken(serve):
    prose = serve(lambda body, count: whole({"content": "The sky is blue."}))
    cases = run(prose, "guided", "schema_wins")
    assert {case.outcome for case in cases.values()} == {Outcome.SKIP}
    broken = serve(lambda body, count: whole({"content": '{"score": 1000}'}))
    cases = run(broken, "guided", "schema_wins and maximum")
    (case,) = cases.values()
    assert case.outcome is Outcome.FAIL
    assert "$.score: 1000 is greater than the maximum of 5" in case.message


@pytest.mark.parametrize(
    ("answer", "said"),
    [(events(*STREAM), "[DONE]"), (events(*STREAM[1:], "[DONE]"), "role")],
)
def test_what_clients_can_do_without_is_blamed_by_the_strict_verdict_alone(serve, answer, said):
    cases = run(serve(lambda body, count: answer), "chat_core", "answers and stream-en and not non")
    (case,) = cases.values()
    assert (case.outcome, case.strict) == (Outcome.PASS, Outcome.FAIL)
    assert said in case.strict_message
    assert case.verdict(strict=False) is Outcome.PASS


def test_request_whose_connection_broke_unanswered_is_sent_again_and_that_is_told(serve):
    endpoint = serve(lambda body, count: DROP if count < 2 else GOOD)
    (case,) = run(endpoint, "chat_core", "answers and non_stream-en").values()
    assert (case.outcome, case.retries) == (Outcome.PASS, 2)
    assert [evidence.status for evidence in case.evidence] == [None, None, 200]


def test_third_broken_connection_is_an_error(serve):
    (case,) = run(serve(lambda *_: DROP), "chat_core", "answers and non_stream-en").values()
    assert (case.outcome, case.retries) == (Outcome.ERROR, 2)
    assert len(case.evidence) == 3


def test_status_5xx_is_never_sent_again(serve):
    asked = []
    endpoint = serve(lambda body, count: asked.append(body) or whole({}, status=503))
    (case,) = run(endpoint, "chat_core", "answers and non_stream-en").values()
    assert (case.outcome, case.retries, len(asked)) == (Outcome.ERROR, 0, 1)
