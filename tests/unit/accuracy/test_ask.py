import json
import random
import threading
from datetime import UTC, datetime

import httpx
import pytest
from pydantic import SecretStr

from rayeval.accuracy import ask as module
from rayeval.accuracy.ask import ask, delay_s
from rayeval.accuracy.attempt import retry_after
from rayeval.accuracy.throttle import Throttle
from rayeval.client.openai import Reply
from rayeval.domain.records import ERROR_CLASSES
from rayeval.domain.service import Endpoint


class Script:
    """按次序给出回复或抛出错误的线；记下收到的参数。"""

    def __init__(self, *turns):
        self.turns = list(turns)
        self.calls = []

    def chat(self, messages, **params):
        self.calls.append((messages, params))
        turn = self.turns.pop(0)
        if isinstance(turn, Exception):
            raise turn
        return turn


def reply(body, status=200, headers=()):
    text = body if isinstance(body, str) else json.dumps(body)
    try:
        parsed = json.loads(text)
    except ValueError:
        parsed = None
    return Reply(status, text, parsed, httpx.Headers(dict(headers)), 0.1)


def said(content, finish="stop", **message):
    return {
        "choices": [
            {"index": 0, "message": {"content": content, **message}, "finish_reason": finish}
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 3},
    }


@pytest.fixture
def put(make_shard):
    """对剧本问一道题：返回作答与每次等待的秒数。"""

    def put_to(script, **fields):
        shard = make_shard(**{"include_questions": True, **fields})
        waits = []
        throttle = Throttle(4, threading.Event())
        throttle.enter = lambda: 0.0  # 位子另测，这里不真等
        pause = lambda s: waits.append(s) or False  # noqa: E731
        answer = ask(script, shard, shard.items[0], throttle, pause)
        return answer, waits

    return put_to


def test_a_reply_is_scored_by_both_readings(put):
    answer, waits = put(Script(reply(said("Answer: A. No,\n**Answer**: C"))))
    assert (answer.simple_evals, answer.robust, answer.attempts, waits) == ("A", "C", 1, [])
    assert (answer.prompt_tokens, answer.completion_tokens, answer.finish_reason) == (7, 3, "stop")
    assert answer.error_class is None


def test_the_limit_and_the_temperature_are_always_explicit(put, make_shard):
    script = Script(reply(said("Answer: A")))
    put(script, max_tokens=77, temperature=0.0)
    _, params = script.calls[0]
    assert params == {"temperature": 0.0, "stream": False, "max_tokens": 77}


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_a_reasoning_only_reply_is_an_empty_unparsed_answer(put, key):
    answer, waits = put(Script(reply(said(None, "length", **{key: "Answer: B?"}))))
    assert (answer.reply, answer.reasoning, waits) == ("", "Answer: B?", [])
    assert (answer.simple_evals, answer.robust, answer.error_class) == (None, None, None)
    assert answer.finish_reason == "length"


def test_null_content_is_an_answer_and_not_asked_again(put):
    answer, waits = put(Script(reply(said(None))))
    assert (answer.reply, answer.error_class, answer.attempts, waits) == ("", None, 1, [])


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (reply("busy", 429), "http_4xx"),
        (reply({"error": "overloaded"}, 503), "http_5xx"),
        (httpx.ConnectError("refused"), "connect"),
        (httpx.ConnectTimeout("slow"), "connect"),
        (httpx.ReadTimeout("slow"), "timeout"),
        (httpx.ReadError("reset"), "reset"),
        (httpx.RemoteProtocolError("disconnected"), "reset"),
        (httpx.DecodingError("bad gzip"), "bad_http"),
    ],
)
def test_passing_trouble_is_retried_within_bounds_and_then_classed(put, trouble, kind):
    answer, waits = put(Script(trouble, trouble, reply(said("Answer: B"))), max_retries=2)
    assert (answer.error_class, answer.attempts, len(waits)) == (None, 3, 2)
    answer, waits = put(Script(trouble, trouble, trouble), max_retries=2)
    assert (answer.error_class, answer.attempts, len(waits)) == (kind, 3, 2)
    assert answer.error_class in ERROR_CLASSES
    assert answer.reply == ""


@pytest.mark.parametrize(
    ("turn", "kind", "words"),
    [
        (reply({"error": {"message": "too long"}}, 400), "http_4xx", "HTTP 400: too long"),
        (reply({"detail": "no key"}, 401), "http_4xx", "no key"),
        (reply("moved", 302), "bad_http", "HTTP 302"),
        (reply("<html>hello"), "bad_json", "not a JSON object: <html>"),
        (reply("[1, 2]"), "bad_json", "[1, 2]"),
        (reply("null"), "bad_json", "null"),
        (reply({"choices": ["text"]}), "no_tokens", "no choices"),
        (reply({"choices": {"index": 0}}), "no_tokens", "no choices"),
        (reply({"choices": 3}), "no_tokens", "no choices"),
        (reply({"choices": []}), "no_tokens", "no choices"),
        (reply({"id": "x"}), "no_tokens", "no choices"),
        (reply({"error": {"message": "out of memory"}}), "stream_error", "out of memory"),
    ],
)
def test_lasting_trouble_is_data_and_not_asked_again(put, turn, kind, words):
    answer, waits = put(Script(turn))
    assert (answer.error_class, answer.attempts, waits) == (kind, 1, [])
    assert words in answer.error_message
    assert kind in ERROR_CLASSES


@pytest.mark.parametrize(
    "usage", [None, [], "many", {"prompt_tokens": "7"}, {"prompt_tokens": 2**40}]
)
def test_odd_usage_is_absent_usage(put, usage):
    answer, _ = put(Script(reply({**said("Answer: B"), "usage": usage})))
    assert answer.prompt_tokens is None
    assert answer.simple_evals == "B"


def test_an_odd_finish_reason_is_absent(put):
    answer, _ = put(Script(reply(said("Answer: B", finish={"type": "stop"}))))
    assert answer.finish_reason is None


def test_lone_surrogates_are_replaced_so_that_the_answer_can_be_stored(put):
    answer, _ = put(Script(reply('{"choices": [{"message": {"content": "\\ud800 Answer: B"}}]}')))
    assert answer.reply == "? Answer: B"


def test_an_echoed_key_never_reaches_the_answer(put):
    secret = "sk-123456789"
    endpoint = Endpoint("http://h/v1", "m", SecretStr(secret))
    refused, _ = put(Script(reply({"error": f"bad key {secret}"}, 401)), endpoint=endpoint)
    echoed, _ = put(Script(reply(said(f"your key is {secret}"))), endpoint=endpoint)
    assert secret not in repr(refused) + repr(echoed)


def test_being_stopped_while_waiting_leaves_no_answer(make_shard):
    shard = make_shard()
    script = Script(httpx.ConnectError("refused"))
    throttle = Throttle(1, threading.Event())
    assert ask(script, shard, shard.items[0], throttle, lambda _: True) is None


def test_what_tells_the_question_stays_where_it_was_asked(put):
    answer, _ = put(
        Script(reply(said("The zebra it is.\nAnswer: A", reasoning="a zebra"))),
        include_questions=False,
    )
    assert (answer.prompt, answer.reasoning, answer.reply) == ("", "", "Answer: A")
    assert answer.chars == len("The zebra it is.\nAnswer: A")
    assert answer.simple_evals == "A"
    refused, _ = put(Script(reply({"detail": "zebra"}, 422)), include_questions=False)
    assert (refused.error_class, refused.error_message) == ("http_4xx", "HTTP 422")


@pytest.mark.parametrize(
    ("turn", "kind"),
    [
        (said("Answer: B"), "parsed"),
        (said("I do not know"), "unparsed"),
        (said("I do not", "length"), "truncated"),
        (said(None, reasoning="hm"), "reasoning_only"),
        (said(None), "empty"),
        (said(" \n"), "empty"),
        ({"choices": []}, ""),
    ],
)
def test_every_answer_is_of_one_kind(put, turn, kind):
    assert put(Script(reply(turn)))[0].kind == kind


def test_429s_are_counted_apart(put):
    script = Script(reply("", 429), reply("", 500), reply("", 429), reply(said("Answer: B")))
    answer, _ = put(script)
    assert (answer.attempts, answer.rate_limited) == (4, 2)


def test_back_off_grows_to_a_ceiling_with_jitter():
    dice = random.Random(1)
    waits = [delay_s(attempt, None, dice) for attempt in range(40)]
    assert all(0.25 * 2**n <= wait <= 0.5 * 2**n for n, wait in enumerate(waits[:6]))
    assert max(waits) <= module.MAX_BACKOFF_S
    assert len(set(waits)) == len(waits)


def test_retry_after_is_honoured_and_capped(put):
    _, waits = put(Script(reply("", 429, {"Retry-After": "7"}), reply(said("Answer: B"))))
    assert waits == [7.0]
    _, waits = put(Script(reply("", 503, {"Retry-After": "86400"}), reply(said("Answer: B"))))
    assert waits == [module.MAX_RETRY_AFTER_S]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2.5", 2.5),
        ("-3", 0.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Thu, 01 Jan 2026 00:00:09 GMT", 9.0),
        ("Thu, 01 Jan 2026 00:00:09 -0000", 9.0),
    ],
)
def test_both_forms_of_retry_after_are_read(value, seconds):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert retry_after(httpx.Headers({"Retry-After": value}), now) == seconds
