"""一种毛病一个测试：与健康的回复混着来，种类对、分母对、cell 会结束、什么也不漏。"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from typing import Any

import pytest

from tests.integration.scripted import (
    CHUNKED,
    DONE,
    END,
    OK,
    Ask,
    Step,
    chunk,
    delta,
    event,
    healthy,
    hi,
    sized,
    stream,
    usage,
)

pytestmark = pytest.mark.solo

NUMBER, PERMITS, TIMEOUT_S = 12, 4, 0.4
BODY = b"".join(hi(3))
A, B, STOP = delta(content="a"), delta(content="b"), delta("stop")
ERROR = {"error": {"message": "out of blocks", "type": "overloaded", "code": 503}}


def pieces(data: bytes, size: int, pause_s: float = 0.0) -> list[Step]:
    """每次写 `size` 字节，隔一会。"""
    cut: list[Step] = []
    for n in range(0, len(data), size):
        cut += [data[n : n + size], pause_s] if pause_s else [data[n : n + size]]
    return cut


def drips(data: bytes) -> list[Step]:
    """一到七个字节一次，轮着来。"""
    steps: list[Step] = []
    n = size = 0
    while n < len(data):
        size = size % 7 + 1
        steps.append(data[n : n + size])
        n += size
    return steps


def said(text: bytes) -> bytes:
    """内容照写（不转义）的一个块的事件。"""
    return b'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n' % text


def odd(**choice: Any) -> bytes:
    """一个形状古怪的 choice 的事件。"""
    return event({"choices": [{"index": 0, **choice}]})


FAILING: dict[str, tuple[list[Step], str]] = {
    # 传输
    "reset before the head": (["reset"], "reset"),
    "reset after the head": ([CHUNKED, 0.01, "reset"], "reset"),
    "reset after the first token": (stream(A, 0.01, "reset"), "reset"),
    "reset in mid-chunk": ([CHUNKED + chunk(A) + b"40\r\ndata", 0.01, "reset"], "reset"),
    "closed before the head": (["close"], "reset"),
    "closed in the head": ([OK[:30], "close"], "reset"),
    "closed after the head": ([CHUNKED, "close"], "incomplete"),
    "closed after the first token": (stream(A, "close"), "incomplete"),
    "closed in mid-chunk": ([CHUNKED + chunk(A) + b"40\r\ndata: {", "close"], "incomplete"),
    "closed in the size line": ([CHUNKED + chunk(A) + b"4", "close"], "incomplete"),
    "closed inside an event, between chunks": (stream(A, B[:20], "close"), "incomplete"),
    "ended whole, but inside an event": (stream(A, B[:20]), "bad_json"),
    "cut in an event, close-delimited": (
        [OK + b"\r\n" + A + B[:20], "close"],
        "incomplete",
    ),
    "a length longer than the body": (
        [OK + b"Content-Length: %d\r\n\r\n" % (len(A) + 50) + A, "close"],
        "incomplete",
    ),
    "a JSON body cut short": (
        [b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n" + b'{"choices": [{"mess', "close"],
        "incomplete",
    ),
    "a length shorter than the body": ([sized(A + B)[:-1] + b"\n" + STOP, "hang"], "incomplete"),
    "a gzip stream cut short": (
        [sized(gzip.compress(BODY)[:-60], head=b"Content-Encoding: gzip\r\n")],
        "bad_json",
    ),
    # 时限
    "hangs before the head": (["hang"], "timeout"),
    "hangs after the head": ([CHUNKED, "hang"], "timeout"),
    "hangs after the first token": (stream(A, "hang"), "timeout"),
    "hangs in mid-chunk": ([CHUNKED + b"40\r\ndata: {", "hang"], "timeout"),
    "hangs in the size line": ([CHUNKED + chunk(A) + b"4", "hang"], "timeout"),
    "a length longer than the body, held open": (
        [OK + b"Content-Length: 999\r\n\r\n" + A, "hang"],
        "timeout",
    ),
    "drips for ever": (stream(*[A, 0.02] * 40), "timeout"),
    "pings for ever": (stream(*[b": ping\n\n", 0.02] * 40), "timeout"),
    # 服务说错了
    "503 with Retry-After": ([sized(b"busy", "503 Busy", b"Retry-After: 1\r\n")], "http_5xx"),
    "503 without a body": ([sized(b"", "503 Busy")], "http_5xx"),
    "503 and closed": ([b"HTTP/1.1 503 Busy\r\n\r\nbusy", "close"], "http_5xx"),
    "503 in chunks": (
        [b"HTTP/1.1 503 X\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"busy") + END],
        "http_5xx",
    ),
    "502 in HTML": ([sized(b"<html><h1>Bad Gateway</h1></html>", "502 Bad")], "http_5xx"),
    "500 in gzip": (
        [sized(gzip.compress(b"oops"), "500 No", b"Content-Encoding: gzip\r\n")],
        "http_5xx",
    ),
    "429": ([sized(json.dumps(ERROR).encode(), "429 Many")], "http_4xx"),
    "422 with a detail list": (
        [sized(b'{"detail":[{"loc":["body","x"],"msg":"no"}]}', "422 No")],
        "http_4xx",
    ),
    "400 with a stream": ([sized(b"".join([event(ERROR), DONE]), "400 No")], "http_4xx"),
    "404 with a null body": ([sized(b"null", "404 No")], "http_4xx"),
    "599": ([sized(b"?", "599 Odd")], "http_5xx"),
    "an error event": (stream(delta(role="assistant"), event(ERROR), DONE), "stream_error"),
    "an error event after tokens": (stream(A, event(ERROR), DONE), "stream_error"),
    "an error event without [DONE]": (stream(A, event(ERROR)), "stream_error"),
    "an error event, then a hang": (stream(A, event(ERROR), "hang"), "stream_error"),
    "an error event, then a reset": (stream(A, event(ERROR), 0.01, "reset"), "stream_error"),
    "an error event after the finish": (stream(A, STOP, event(ERROR), DONE), "stream_error"),
    "an error event with choices beside": (
        stream(event({"choices": [], **ERROR}), DONE),
        "stream_error",
    ),
    "an error as text": (stream(A, event({"error": "out of blocks"}), DONE), "stream_error"),
    "an error as a number": (stream(A, event({"error": 500}), DONE), "stream_error"),
    "an error as a list": (stream(A, event({"error": ["no"]}), DONE), "stream_error"),
    "object: error": (
        stream(A, event({"object": "error", "message": "no", "code": 400}), DONE),
        "stream_error",
    ),
    "event: error with JSON": (
        stream(A, b"event: error\n" + event({"message": "no"}), DONE),
        "stream_error",
    ),
    "event: error with text": (stream(A, b"event: error\ndata: no\n\n"), "stream_error"),
    "a whole error body with 200": ([sized(json.dumps(ERROR).encode())], "stream_error"),
    "finish_reason error": (stream(A, delta("error"), DONE), "stream_error"),
    "finish_reason abort": (stream(A, delta("abort"), DONE), "stream_error"),
    # 内容
    "no [DONE] and no finish_reason": (stream(A, B), "incomplete"),
    "empty 200": ([sized(b"")], "incomplete"),
    "empty 200 in chunks": ([CHUNKED + END], "incomplete"),
    "empty 200 until the close": ([OK + b"\r\n", "close"], "incomplete"),
    "only blank lines": (stream(b"\n\n\r\n"), "incomplete"),
    "only comments": (stream(b": ping\n\n", b": ping\n\n"), "incomplete"),
    "only [DONE]": (stream(DONE), "no_tokens"),
    "only the role and the end": (stream(delta(role="assistant"), STOP, DONE), "no_tokens"),
    "zero tokens by usage": (stream(STOP, usage(0), DONE), "no_tokens"),
    "empty contents": (stream(*[delta(content="")] * 3, STOP, DONE), "no_tokens"),
    "numbers as content": (stream(delta(content=5), STOP, DONE), "no_tokens"),
    "a whole body without choices": ([sized(b"{}")], "no_tokens"),
    "an event that is not JSON": (stream(A, b"data: {oops\n\n", STOP, DONE), "bad_json"),
    "an event that is a list": (stream(A, b"data: []\n\n", STOP, DONE), "bad_json"),
    "an event that is null": (stream(A, b"data: null\n\n", STOP, DONE), "bad_json"),
    "an event that is text": (stream(A, b'data: "x"\n\n', STOP, DONE), "bad_json"),
    "an event that is a number": (stream(A, b"data: 7\n\n", STOP, DONE), "bad_json"),
    "two values in an event": (stream(A, b"data: {} {}\n\n", STOP, DONE), "bad_json"),
    "a raw control character": (stream(A, said(b"\x01"), STOP, DONE), "bad_json"),
    "JSON that is too deep": (
        stream(A, b"data: " + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b"\n\n", STOP, DONE),
        "bad_json",
    ),
    "HTML with 200": ([sized(b"<html>hello</html>")], "bad_json"),
    "a whole body that is not JSON": ([sized(b"{oops}")], "bad_json"),
    "a whole body that is a list": ([sized(b"[]")], "bad_json"),
    "a whole body that is text": ([sized(b'"hello"')], "bad_json"),
}


def mixed(measure, steps: list[Step], **changes):
    """三个里有一个照 `steps` 演，其余健康；返回（收获，出毛病的行）。"""

    def playbook(ask: Ask) -> list[Step]:
        return steps if ask.order % 3 == 0 else healthy(3)

    changes = {"permits": PERMITS, "number": NUMBER, "timeout_s": TIMEOUT_S, **changes}
    found = measure(playbook, **changes)
    assert sorted(row["index"] for row in found.rows) == list(range(NUMBER))
    assert len(found.server.asks) == NUMBER + sum(row["retries"] for row in found.rows)
    rows = [row for row in found.rows if found.ask(row).order % 3 == 0]
    for row in found.rows:
        if found.ask(row).order % 3:
            assert (row["error_class"], row["token_events"], row["completion_tokens"]) == (
                None,
                3,
                3,
            )
    return found, rows


@pytest.mark.parametrize("name", FAILING)
def test_a_fault_has_its_class_and_its_neighbours_their_success(measure, name):
    steps, expected = FAILING[name]
    found, rows = mixed(measure, steps)
    assert [row["error_class"] for row in rows] == [expected] * 4, rows[0]["error_message"]
    summary = found.summary
    assert (summary.issued, summary.succeeded, summary.failed) == (12, 8, 4)
    assert summary.errors == {expected: 4}
    assert summary.fail_ratio == pytest.approx(4 / 12)
    assert summary.timeout_ratio == pytest.approx(4 / 12 if expected == "timeout" else 0)
    assert summary.qps == pytest.approx(8 / summary.wall_s)
    assert summary.output_throughput == pytest.approx(24 / summary.wall_s)
    assert summary.stats["ttft"].n == summary.stats["e2e"].n == 8


LONG = "长" * 300_000
PASSING: dict[str, tuple[list[Step], int | None, int]] = {
    # 名字 → (剧本, 该得的 completion_tokens, 该得的 token 事件数)
    "drips of one to seven bytes": (drips(healthy(3)[0]), 3, 3),
    "slow headers": ([*pieces(CHUNKED, 12, 0.005), chunk(BODY) + END], 3, 3),
    "no [DONE] but a finish_reason": (stream(A, B, STOP), 2, 2),
    "no [DONE], finish_reason, closed without an end": (stream(A, B, STOP, "close"), 2, 2),
    "[DONE], then closed without an end": (stream(A, B, STOP, DONE, "close"), 2, 2),
    "[DONE], then reset": (stream(A, B, STOP, DONE, 0.02, "reset"), 2, 2),
    "[DONE] without finish_reason": (stream(A, B, DONE), 2, 2),
    "[DONE] without its blank line": (stream(A, B, STOP, b"data: [DONE]"), 2, 2),
    "[DONE] with blanks": (stream(A, B, STOP, b"data:[DONE] \n\n"), 2, 2),
    "events after [DONE]": (stream(A, B, STOP, DONE, b"data: {oops\n\n", A), 2, 2),
    "invalid UTF-8 in a content": (stream(said(b"\xff\xfe"), B, STOP, DONE), 2, 2),
    "half a character a token": (stream(said(b"\xe4\xbd"), said(b"\xa0"), STOP, DONE), 2, 2),
    "lone surrogates": (stream(said(b"\\ud83d"), B, STOP, DONE), 2, 2),
    "an event of a megabyte": (stream(delta(content=LONG), B, STOP, usage(900), DONE), 900, 2),
    "usage in the finish chunk": (
        stream(
            A,
            event(
                {
                    "choices": [{"delta": {}, "finish_reason": "stop"}],
                    "usage": {"completion_tokens": 7},
                }
            ),
            DONE,
        ),
        7,
        1,
    ),
    "usage in each chunk": (
        stream(
            *(
                event(
                    {
                        "choices": [{"delta": {"content": "x"}, "finish_reason": None}],
                        "usage": {"prompt_tokens": 9, "completion_tokens": n},
                    }
                )
                for n in (1, 2, 3, 4)
            ),
            STOP,
            usage(5),
            DONE,
        ),
        5,
        4,
    ),
    "usage null in each chunk": (
        stream(
            event({"choices": [{"delta": {"content": "x"}}], "usage": None}), STOP, usage(6), DONE
        ),
        6,
        1,
    ),
    "usage beside an empty choice": (
        stream(
            A,
            STOP,
            event({"choices": [{"index": 0, "delta": {}}], "usage": {"completion_tokens": 4}}),
            DONE,
        ),
        4,
        1,
    ),
    "usage after a null choices": (
        stream(A, STOP, event({"choices": None, "usage": {"completion_tokens": 4}}), DONE),
        4,
        1,
    ),
    "usage without choices": (
        stream(A, STOP, event({"usage": {"completion_tokens": 4}}), DONE),
        4,
        1,
    ),
    "two usage chunks": (stream(A, STOP, usage(4), usage(4), DONE), 4, 1),
    "no usage": (stream(A, B, STOP, DONE), 2, 2),
    "usage that is no object": (stream(A, B, STOP, event({"usage": [1]}), DONE), 2, 2),
    "usage in words": (
        stream(A, B, STOP, event({"usage": {"completion_tokens": "two"}}), DONE),
        2,
        2,
    ),
    "usage below zero": (stream(A, B, STOP, usage(-3), DONE), 2, 2),
    "usage beyond an int32": (stream(A, B, STOP, usage(10**12), DONE), 2, 2),
    "usage true": (stream(A, B, STOP, event({"usage": {"completion_tokens": True}}), DONE), 2, 2),
    "usage of zero beside tokens": (stream(A, B, STOP, usage(0), DONE), 2, 2),
    "odd usage details": (
        stream(A, STOP, usage(3, completion_tokens_details=[], prompt_tokens_details=7), DONE),
        3,
        1,
    ),
    "choices null": (stream(A, event({"choices": None}), B, STOP, DONE), 2, 2),
    "choices missing": (stream(A, event({"id": "x"}), B, STOP, DONE), 2, 2),
    "choices an object": (stream(A, event({"choices": {"0": 1}}), B, STOP, DONE), 2, 2),
    "choices null and text": (
        stream(A, event({"choices": [None, "x", 3]}), B, STOP, DONE),
        2,
        2,
    ),
    "delta null": (stream(A, odd(delta=None), B, STOP, DONE), 2, 2),
    "delta text": (stream(A, odd(delta="x"), B, STOP, DONE), 2, 2),
    "delta missing": (stream(A, odd(), B, STOP, DONE), 2, 2),
    "content a number": (stream(A, odd(delta={"content": 5}), B, STOP, DONE), 2, 2),
    "content an object": (stream(A, odd(delta={"content": {"a": 1}}), B, STOP, DONE), 2, 2),
    "content null": (stream(A, odd(delta={"content": None}), B, STOP, DONE), 2, 2),
    "tool_calls odd": (
        stream(
            A,
            odd(delta={"tool_calls": None}),
            odd(delta={"tool_calls": [None, 3, {}, {"function": None}]}),
            odd(delta={"tool_calls": [{"function": {"name": None, "arguments": 7}}]}),
            B,
            STOP,
            DONE,
        ),
        2,
        2,
    ),
    "finish_reason odd": (
        stream(A, *(odd(delta={}, finish_reason=x) for x in (7, [], {"type": "stop"})), B, DONE),
        2,
        2,
    ),
    "an error that is null": (
        stream(event({"choices": [{"delta": {"content": "x"}}], "error": None}), B, STOP, DONE),
        2,
        2,
    ),
    "content that speaks of an error": (
        stream(delta(content='{"error": "no"} data: [DONE]'), B, STOP, DONE),
        2,
        2,
    ),
    "content that looks like usage": (
        stream(delta(content='"usage":{"completion_tokens":99}'), B, STOP, DONE),
        2,
        2,
    ),
    "keys in another order": (
        stream(
            b'data: {"usage":null,"choices":[{"finish_reason":null,"delta":{"content":"a"}}]}\n\n',
            b'data: { "choices" : [ { "delta" : { "content" : "b" } , "index" : 0 } ] }\n\n',
            STOP,
            DONE,
        ),
        2,
        2,
    ),
    "escaped keys and text": (
        stream(
            b'data: {"choices":[{"delta":{"\\u0063ontent":"\\u0061\\"\\\\"}}]}\n\n', B, STOP, DONE
        ),
        2,
        2,
    ),
    "an empty content among unknown fields": (
        stream(A, odd(delta={"content": "", "x": {"content": "no"}}, logprobs=None), B, STOP, DONE),
        2,
        2,
    ),
    "a delta that changes its shape in mid-stream": (
        stream(
            A, A, odd(delta={"content": "c", "role": None}), A, delta(content=""), A, STOP, DONE
        ),
        5,
        5,
    ),
    "empty data lines": (stream(A, b"data:\n\n", b"data: \n\n", B, STOP, DONE), 2, 2),
    "a body of many blanks before the stream": (stream(b"\n\n\n", A, B, STOP, DONE), 2, 2),
    "whole JSON with a finish": (
        [
            sized(
                json.dumps(
                    {
                        "choices": [{"message": {"content": "x"}, "finish_reason": "stop"}],
                        "usage": {"completion_tokens": 6},
                    }
                ).encode()
            )
        ],
        6,
        0,
    ),
    "hidden tokens only": (stream(delta(role="assistant"), STOP, usage(4), DONE), 4, 0),
}


@pytest.mark.parametrize("name", PASSING)
def test_an_oddity_is_no_failure_and_counts_right(measure, name):
    steps, tokens, events = PASSING[name]
    found, rows = mixed(measure, steps)
    assert [row["error_class"] for row in rows] == [None] * 4, rows[0]["error_message"]
    assert {row["completion_tokens"] for row in rows} == {tokens}
    assert {row["token_events"] for row in rows} == {events}
    summary = found.summary
    assert (summary.issued, summary.succeeded, summary.failed) == (12, 12, 0)
    assert (summary.fail_ratio, summary.errors) == (0, {})
    assert summary.qps == pytest.approx(12 / summary.wall_s)
    assert summary.stats["completion_tokens"].avg == pytest.approx((8 * 3 + 4 * tokens) / 12)


@pytest.mark.parametrize("name", ["reset after the first token", "hangs after the first token"])
def test_what_came_before_the_fault_is_kept(measure, name):
    _, rows = mixed(measure, FAILING[name][0])
    for row in rows:
        assert (row["token_events"], row["http_status"]) == (1, 200)
        assert row["ttft_s"] is not None
        assert row["e2e_s"] is None


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("503 with Retry-After", "busy"),
        ("429", "out of blocks"),
        ("an error event", "out of blocks"),
        ("an error as text", "out of blocks"),
        ("event: error with text", "no"),
        ("502 in HTML", "Bad Gateway"),
        ("500 in gzip", "oops"),
        ("an event that is not JSON", "{oops"),
    ],
)
def test_the_message_is_in_the_services_words(measure, name, said):
    _, rows = mixed(measure, FAILING[name][0])
    assert all(said in row["error_message"] for row in rows)


def test_a_burst_of_503_is_counted_and_never_asked_again(measure):
    busy = sized(b"busy", "503 Busy", b"Retry-After: 0\r\n")
    found = measure(lambda ask: [busy] if 3 <= ask.order < 9 else healthy(), permits=4, number=12)
    assert found.summary.errors == {"http_5xx": 6}
    assert len(found.server.asks) == 12
    # 503 有边界：连接照用
    assert found.server.connections == 4


def test_an_all_failed_cell_has_rates_and_no_latencies(measure):
    found = measure([sized(b"no", "500 No")], permits=4, number=12)
    summary = found.summary
    assert (summary.qps, summary.fail_ratio, summary.timeout_ratio) == (0, 1, 0)
    assert summary.output_throughput == summary.total_throughput == 0
    for stats in summary.stats.values():
        assert (stats.n, stats.avg, stats.p99) == (0, None, None)


def test_a_service_that_dies_in_mid_run_fails_the_rest_at_once(measure):
    found = measure(
        lambda ask: [CHUNKED, "quit"] if ask.number == 6 else healthy(), permits=2, number=20
    )
    # 邻居在断开之前还可能答完一两个
    assert 5 <= found.classes.count(None) <= 9
    assert set(found.classes) <= {None, "connect", "reset", "incomplete"}
    assert len(found.rows) == 20
    assert found.wall_s < 2


def test_every_fault_at_once(measure):
    scripts = [steps for steps, kind in FAILING.values() if kind != "timeout"]
    scripts += [steps for steps, _, _ in PASSING.values()]
    found = measure(
        lambda ask: scripts[ask.order % len(scripts)], permits=8, number=len(scripts), timeout_s=1
    )
    expected = Counter(kind for _, kind in FAILING.values() if kind != "timeout")
    assert found.summary.errors == dict(expected)
    assert found.summary.succeeded == len(PASSING)
