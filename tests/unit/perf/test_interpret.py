import gzip
import json
import zlib

import pytest

from rayeval.perf import plain as module
from rayeval.perf.failure import Ending
from rayeval.perf.interpret import interpret


def meaning(reads, ending=Ending.COMPLETE, end=None, t0=10.0, detail=""):
    reads = [(t0 + stamp, data) for stamp, data in reads]
    end = t0 + end if end is not None else (reads[-1][0] if reads else t0 + 1.0)
    return interpret(reads, t0, ending, end, detail)


def near(value):
    return pytest.approx(value, abs=1e-6)


def test_a_role_only_chunk_is_not_the_first_token(wire):
    found = meaning(
        wire.reads(
            (0.005, wire.delta(role="assistant", content="")),
            (0.200, wire.delta(content="hi")),
            (0.300, wire.delta("stop") + wire.usage(1) + wire.DONE),
        )
    )
    assert (found.ttfb_s, found.ttft_s, found.ttfa_s) == (near(0.005), near(0.2), near(0.2))
    assert (found.e2e_s, found.error_class, found.finish_reason) == (near(0.3), None, "stop")
    assert (found.token_events, found.itl_s, found.second_token_s) == (1, None, None)


@pytest.mark.parametrize(
    "keys", [["reasoning"], ["reasoning_content"], ["reasoning", "reasoning_content"]]
)
def test_reasoning_counts_once_under_either_name(wire, keys):
    found = meaning(
        wire.reads(
            (0.1, wire.delta(content=None, **dict.fromkeys(keys, "hm"))),
            (0.2, wire.delta(content="", **dict.fromkeys(keys, "so"))),
            (0.4, wire.delta("stop", content="yes") + wire.usage(3) + wire.DONE),
        )
    )
    assert (found.ttft_s, found.ttfa_s, found.last_reasoning_s) == (near(0.1), near(0.4), near(0.2))
    assert (found.token_events, found.reasoning_tokens, found.content_tokens) == (3, 2, 1)


@pytest.mark.parametrize(
    "keys", [["reasoning"], ["reasoning_content"], ["reasoning", "reasoning_content"]]
)
def test_a_reasoning_only_answer_is_a_success_without_ttfa(wire, keys):
    delta = wire.delta("length", **dict.fromkeys(keys, "hm"))
    found = meaning(wire.reads((0.1, delta), (0.2, wire.usage(1) + wire.DONE)))
    assert (found.error_class, found.ttfa_s, found.finish_reason) == (None, None, "length")
    body = {"choices": [{"message": dict.fromkeys(keys, "hm"), "finish_reason": "length"}]}
    assert meaning([(0.1, wire.plain(json.dumps(body).encode()))]).error_class is None


def test_many_tokens_a_chunk_count_by_usage_and_say_so_beside(wire):
    events = [(0.1 * n, wire.delta(content="eight tokens")) for n in range(1, 5)]
    found = meaning(wire.reads(*events, (0.5, wire.delta("length") + wire.usage(32) + wire.DONE)))
    assert (found.completion_tokens, found.token_events, found.tokens_source) == (32, 4, "usage")


def test_chunks_are_not_tokens_where_usage_says_otherwise(wire):
    events = [(0.1, wire.delta(role="assistant"))]
    events += [(0.1 * n, wire.delta(content="x")) for n in range(2, 13)]
    found = meaning(wire.reads(*events, (2.0, wire.delta("stop") + wire.usage(10) + wire.DONE)))
    assert found.completion_tokens == 10


def test_without_usage_tokens_are_events_and_say_so(wire):
    found = meaning(
        wire.reads(
            (0.1, wire.delta(content="a")), (0.2, wire.delta("stop", content="b")), end=b"0\r\n\r\n"
        )
    )
    assert (found.completion_tokens, found.tokens_source, found.prompt_tokens) == (
        2,
        "events",
        None,
    )


@pytest.mark.parametrize(
    "tail",
    [
        lambda w: w.delta("stop") + w.usage(2),
        lambda w: w.event(
            {
                "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 2},
            }
        ),
        lambda w: w.delta("stop") + w.usage(2) + w.event({"choices": [], "usage": None}),
        lambda w: w.usage(1) + w.usage(2) + w.delta("stop"),
    ],
)
def test_usage_counts_wherever_it_comes_and_the_last_wins(wire, tail):
    found = meaning(wire.reads((0.1, wire.delta(content="a")), (0.2, tail(wire) + wire.DONE)))
    assert (found.completion_tokens, found.prompt_tokens, found.tokens_source) == (2, 7, "usage")


def test_usage_details_give_reasoning_and_cached_tokens(wire):
    usage = wire.usage(
        9,
        completion_tokens_details={"reasoning_tokens": 6},
        prompt_tokens_details={"cached_tokens": 4},
    )
    events = [(0.1, wire.delta(reasoning="many")), (0.2, wire.delta("stop", content="x"))]
    found = meaning(wire.reads(*events, (0.3, usage + wire.DONE)))
    assert (found.reasoning_tokens, found.content_tokens, found.cached_tokens) == (6, 3, 4)


def test_reasoning_tokens_are_not_guessed(wire):
    events = [(0.1, wire.delta(reasoning="two tokens")), (0.2, wire.delta("stop", content="x"))]
    found = meaning(wire.reads(*events, (0.3, wire.usage(3) + wire.DONE)))
    assert (found.reasoning_tokens, found.content_tokens) == (None, None)


def test_itl_holds_the_gaps_between_token_events_and_not_the_first_token(wire):
    events = [
        (0.5, wire.delta(content="a")),
        (0.7, wire.delta(content="b")),
        (1.0, wire.delta(content="c")),
    ]
    found = meaning(wire.reads(*events, (1.1, wire.delta("stop") + wire.DONE)))
    assert found.itl_s.tolist() == [near(0.2), near(0.3)]
    assert found.ttft_s + float(found.itl_s.sum()) == near(found.last_token_s)
    assert found.second_token_s == near(0.7)


@pytest.mark.parametrize(
    "delta",
    [
        {"refusal": "no"},
        {"tool_calls": [{"index": 0, "function": {"name": "f"}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "{"}}]},
        {"content": [{"type": "text", "text": "x"}]},
    ],
)
def test_what_is_a_token_event(wire, delta):
    found = meaning(wire.reads((0.1, wire.delta(**delta)), (0.2, wire.delta("stop") + wire.DONE)))
    assert (found.token_events, found.ttfa_s) == (1, near(0.1))


@pytest.mark.parametrize(
    "delta",
    [
        {"role": "assistant"},
        {"content": ""},
        {"content": None, "reasoning": ""},
        {"content": []},
        {"tool_calls": [{"index": 0, "id": "x", "function": {"name": "", "arguments": ""}}]},
        {"tool_calls": None},
    ],
)
def test_what_is_no_token_event(wire, delta):
    tail = wire.delta("stop", content="x") + wire.DONE
    found = meaning(wire.reads((0.1, wire.delta(**delta)), (0.2, b": c\n\n" + tail)))
    assert (found.token_events, found.ttft_s, found.ttfb_s) == (1, near(0.2), near(0.1))


def test_completions_text_is_a_token_event(wire):
    event = wire.event({"choices": [{"index": 0, "text": "x", "finish_reason": None}]})
    end = wire.event({"choices": [{"index": 0, "text": "", "finish_reason": "length"}]})
    found = meaning(wire.reads((0.1, event), (0.2, end + wire.DONE)))
    assert (found.ttft_s, found.token_events, found.error_class) == (near(0.1), 1, None)


def test_a_whole_answer_has_no_first_token(wire):
    body = {
        "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    found = meaning([(0.5, wire.plain(json.dumps(body).encode()))])
    assert (found.ttft_s, found.ttfb_s, found.ttfa_s, found.itl_s) == (None,) * 4
    assert (found.e2e_s, found.completion_tokens, found.error_class) == (near(0.5), 2, None)


def test_e2e_ends_at_done_even_when_the_connection_lingers(wire):
    reads = wire.reads((0.1, wire.delta("stop", content="a")), (0.2, wire.DONE), end=b"")
    found = meaning(reads, Ending.TIMEOUT, end=9.0)
    assert (found.error_class, found.e2e_s) == (None, near(0.2))


def test_a_finish_reason_without_done_is_a_success(wire):
    reads = wire.reads((0.1, wire.delta("stop", content="a")))
    assert meaning(reads).error_class is None
    closed = wire.reads((0.1, wire.delta("stop", content="a")), end=b"")
    assert meaning(closed, Ending.CLOSED, end=0.3).e2e_s == near(0.3)


def failure(reads, ending=Ending.COMPLETE, **more):
    found = meaning(reads, ending, **more)
    assert found.e2e_s is None
    return found.error_class, found.error_message


def test_an_error_object_after_200_is_a_failure(wire):
    events = [(0.1, wire.delta(content="a")), (0.2, wire.event({"error": {"message": "full"}}))]
    assert failure(wire.reads(*events, (0.3, wire.DONE))) == ("stream_error", "full")
    assert (
        failure(wire.reads((0.1, wire.event({"object": "error", "message": "bad"}))))[0]
        == "stream_error"
    )
    assert failure(wire.reads((0.1, b"event: error\ndata: oops\n\n"))) == ("stream_error", "oops")
    assert failure([(0.1, wire.plain(b'{"error": "no"}'))]) == ("stream_error", "no")
    assert (
        failure(wire.reads((0.1, wire.delta("abort", content="a") + wire.DONE)))[0]
        == "stream_error"
    )


def test_an_end_without_finish_reason_or_done_is_incomplete(wire):
    events = wire.reads((0.1, wire.delta(content="a")))
    assert failure(events)[0] == "incomplete"
    assert failure(events[:-1], Ending.CLOSED)[0] == "incomplete"
    assert failure([(0.1, wire.plain(b""))])[0] == "incomplete"
    assert failure([(0.1, wire.plain(b'{"choices": [')[:-3])], Ending.CLOSED)[0] == "incomplete"


def test_a_cut_inside_an_event_is_incomplete_and_not_bad_json(wire):
    events = (0.1, wire.delta("stop", content="a")), (0.2, wire.usage(1)[:-9])
    reads = wire.reads(*events, end=b"")
    assert failure(reads, Ending.CLOSED)[0] == "incomplete"
    assert failure(wire.reads(*events))[0] == "bad_json"


def test_zero_tokens_is_a_failure_and_hidden_tokens_are_not(wire):
    assert (
        failure(wire.reads((0.1, wire.delta("stop") + wire.usage(0) + wire.DONE)))[0] == "no_tokens"
    )
    assert failure(wire.reads((0.1, wire.DONE)))[0] == "no_tokens"
    special = meaning(wire.reads((0.1, wire.delta("stop") + wire.usage(1) + wire.DONE)))
    assert (special.error_class, special.ttft_s, special.completion_tokens) == (None, None, 1)


def test_undecodable_json_is_a_failure(wire):
    tail = wire.delta("stop", content="a") + wire.DONE
    assert failure(wire.reads((0.1, b"data: {nope\n\n"), (0.2, tail)))[0] == "bad_json"
    assert failure(wire.reads((0.1, b"data: [1]\n\n"), (0.2, tail)))[0] == "bad_json"
    assert failure([(0.1, wire.plain(b"<html>"))])[0] == "bad_json"


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        ("400 Bad", b'{"error": {"message": "too long"}}', ("http_4xx", "too long")),
        ("422 No", b'{"detail": [{"loc": ["x"]}]}', ("http_4xx", '[{"loc": ["x"]}]')),
        ("503 Busy", b"overloaded", ("http_5xx", "overloaded")),
        ("500 Oops", b"", ("http_5xx", "HTTP 500 without a body")),
        ("500 Oops", b"x" * 999, ("http_5xx", "x" * 999)),
        ("429 Slow", b'{"error": "text"}', ("http_4xx", "text")),
    ],
)
def test_http_errors_carry_the_services_words(wire, status, body, expected):
    assert failure([(0.1, wire.plain(body, status))]) == expected


def test_a_redirect_is_not_an_answer(wire):
    assert failure([(0.1, wire.plain(b"", "307 Elsewhere"))])[0] == "bad_http"


def test_transport_endings_keep_their_class(wire):
    begun = wire.reads((0.1, wire.delta(content="a")), end=b"")
    for ending in (Ending.TIMEOUT, Ending.RESET, Ending.CANCELLED):
        assert failure(begun, ending, end=2.0)[0] == ending.value
    assert failure([], Ending.CONNECT, detail="refused") == ("connect", "refused")
    assert failure([], Ending.CLOSED)[0] == "reset"
    assert failure([(0.1, b"SSH-2.0\r\n")], Ending.BAD_HTTP)[0] == "bad_http"
    assert meaning(begun, Ending.TIMEOUT, end=2.0).end_s == near(2.0)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_compressed_answer_is_decoded(wire, coding):
    text = wire.delta("stop", content="你好") + wire.DONE
    body = gzip.compress(text) if coding == "gzip" else zlib.compress(text)
    head = f"Content-Encoding: {coding}\r\n".encode()
    assert meaning([(0.1, wire.plain(body, head=head))]).token_events == 1


def test_an_unknown_or_broken_encoding_is_bad_http(wire):
    for coding in (b"br", b"gzip"):
        reads = [(0.1, wire.plain(b"garbage", head=b"Content-Encoding: " + coding + b"\r\n"))]
        assert failure(reads)[0] == "bad_http"


def test_invalid_utf8_and_lone_surrogates_are_replaced(wire):
    bad = b'data: {"choices":[{"delta":{"content":"\xff\\ud83d"},"finish_reason":"stop"}]}\n\n'
    assert meaning(wire.reads((0.1, bad + wire.DONE))).error_class is None


def test_a_body_beyond_the_limit_is_refused(wire, monkeypatch):
    monkeypatch.setattr(module, "MAX_BODY", 10)
    assert failure([(0.1, wire.plain(b"{" + b" " * 20 + b"}"))])[0] == "bad_http"


def test_identifiers_of_the_service_are_kept(wire):
    trace = "0af7651916cd43dd8448eb211c80319c"
    head = f"X-Span-Id: s1\r\ntraceparent: 00-{trace}-b7ad6b7169203331-01\r\n".encode()
    body = wire.delta("stop", content="a") + wire.DONE
    found = meaning([(0.1, wire.plain(body, head=head))])
    assert (found.x_span_id, found.trace_id) == ("s1", trace)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": [None, 3, "x", []]},
        {"choices": [{}]},
        {"choices": [{"delta": None, "text": None}]},
        {"choices": [{"delta": {"tool_calls": [None, {"function": None}], "content": 5}}]},
        {"choices": [{"delta": {"content": [None, {"text": 3}]}, "finish_reason": 3}]},
        {"choices": [{"delta": [], "finish_reason": {"type": None}}]},
        {"usage": []},
        {"usage": {"completion_tokens": "9", "prompt_tokens": -1}},
        {"usage": {"completion_tokens": True, "prompt_tokens": 1e300}},
        {"usage": {"completion_tokens_details": 3, "prompt_tokens_details": []}},
        {"error": None},
        {"error": {}},
    ],
)
def test_odd_shapes_neither_crash_nor_count(wire, value):
    tail = wire.delta("stop", content="x") + wire.DONE
    found = meaning(wire.reads((0.1, wire.event(value)), (0.2, tail)))
    assert (found.error_class, found.token_events, found.completion_tokens) == (None, 1, 1)
    assert found.prompt_tokens is None
