"""共用的许诺：每一条都见过它失败。"""

from __future__ import annotations

import copy

import pytest

from rayeval.client.assemble import ToolCall, from_body, from_chunks
from rayeval.functional.checks import (
    answered,
    said_something,
    stream_is_well_formed,
    usage_adds_up,
    valid_json,
    well_formed_call,
)
from rayeval.functional.exchange import Exchange
from rayeval.functional.expect import Broken

KIND = "chat.completion.chunk"
CHUNKS = [
    {"id": "c", "object": KIND, "choices": [{"index": 0, "delta": {"role": "assistant"}}]},
    {"id": "c", "object": KIND, "choices": [{"index": 0, "delta": {"content": "hi"}}]},
    {"id": "c", "object": KIND, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"id": "c", "object": KIND, "choices": [], "usage": {"prompt_tokens": 3}},
]
TOOL = {
    "function": {
        "name": "f",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}},
            "required": ["a"],
        },
    }
}


def stream(chunks, *, done=True, undecodable=(), content_type="text/event-stream; charset=utf-8"):
    return Exchange(
        "POST",
        "/chat/completions",
        {},
        True,
        200,
        {"content-type": content_type},
        chunks=chunks,
        undecodable=list(undecodable),
        done=done,
        completion=from_chunks(chunks),
    )


def whole(message=None, finish="stop", **extra):
    body = {
        "choices": [{"index": 0, "message": message or {"content": "hi"}, "finish_reason": finish}]
    }
    body |= extra
    return Exchange("POST", "/x", {}, False, 200, body=body, completion=from_body(body))


def test_good_answers_pass():
    answered(whole())
    said_something(whole())
    said_something(whole({"content": "", "reasoning": "hm"}, "length"))
    answered(stream(CHUNKS))
    stream_is_well_formed(stream(CHUNKS), KIND)


@pytest.mark.parametrize(
    ("exchange", "promise"),
    [
        (stream(CHUNKS, undecodable=["{"]), "JSON object"),
        (stream(CHUNKS, content_type="application/json"), "text/event-stream"),
        (stream(CHUNKS[:2]), "finish_reason"),
        (stream([]), "at least one choice"),
        (whole(finish=None), "finish_reason"),
        (whole(finish="eos"), "finish_reason"),
    ],
)
def test_incomplete_answers_are_broken(exchange, promise):
    with pytest.raises(Broken, match=promise):
        answered(exchange)


@pytest.mark.parametrize(
    ("message", "finish"),
    [
        ({"content": None}, "stop"),
        ({"content": " \n"}, "stop"),
        ({"content": "", "reasoning": "hm"}, "stop"),
        ({"content": "cut \ufffd"}, "stop"),
    ],
)
def test_answers_that_say_nothing_are_broken(message, finish):
    with pytest.raises(Broken):
        said_something(whole(message, finish))


def spoil(position, **change):
    chunks = copy.deepcopy(CHUNKS)
    chunks[position] |= change
    return chunks


@pytest.mark.parametrize(
    ("chunks", "promise"),
    [
        (spoil(1, id="other"), "same id"),
        (spoil(1, choices=[{"delta": {"content": "x"}, "finish_reason": "stop"}]), "exactly once"),
        ([CHUNKS[0], CHUNKS[2], CHUNKS[1]], "last chunk"),
    ],
)
def test_streams_out_of_shape_are_broken(chunks, promise):
    with pytest.raises(Broken, match=promise):
        stream_is_well_formed(stream(chunks), KIND)


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": 1, "completion_tokens": 2},
        {"prompt_tokens": 0, "completion_tokens": 2, "total_tokens": 2},
        {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 4},
        {"prompt_tokens": 1, "completion_tokens": 9, "total_tokens": 10},
        {"prompt_tokens": "1", "completion_tokens": 2, "total_tokens": 3},
    ],
)
def test_usage_that_does_not_add_up_is_broken(usage):
    with pytest.raises(Broken):
        usage_adds_up(whole(usage=usage), limit=8)


def test_usage_that_adds_up_is_returned():
    usage = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    assert usage_adds_up(whole(usage=usage), limit=2) == usage


@pytest.mark.parametrize(
    "call",
    [
        ToolCall(None, "function", "f", '{"a": 1}'),
        ToolCall("id", None, "f", '{"a": 1}'),
        ToolCall("id", "function", "g", '{"a": 1}'),
        ToolCall("id", "function", "f", '{"a": 1'),
        ToolCall("id", "function", "f", '{"a": "x"}'),
        ToolCall("id", "function", "f", ""),
    ],
)
def test_tool_calls_out_of_shape_are_broken(call):
    with pytest.raises(Broken):
        well_formed_call(whole(), call, [TOOL])


def test_tool_call_in_shape_gives_its_arguments():
    assert well_formed_call(whole(), ToolCall("i", "function", "f", '{"a": 1}'), [TOOL]) == {"a": 1}


def test_schema_breach_names_the_place():
    with pytest.raises(Broken, match=r"\$\.n: 9 is greater than the maximum of 5"):
        valid_json(whole(), '{"n": 9}', {"properties": {"n": {"maximum": 5}}}, "content")


@pytest.mark.parametrize(
    ("exchange", "promise"),
    [
        (stream(CHUNKS, done=False), "[DONE]"),
        (stream(spoil(1, object="chat.completion")), "object"),
    ],
)
def test_letter_of_the_interface_is_noted_for_the_strict_verdict_only(exchange, promise):
    answered(exchange)
    stream_is_well_formed(exchange, "chat.completion.chunk")
    (blamed,) = set(exchange.strict_broken)
    assert promise in blamed


def test_stream_without_done_and_without_a_finish_reason_is_cut_off():
    with pytest.raises(Broken, match=r"\[DONE\]"):
        answered(stream(CHUNKS[:2], done=False))
