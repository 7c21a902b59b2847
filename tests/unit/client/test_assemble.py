"""归一：各引擎的写法合成一种；不成形的按缺席处理，从不抛。"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayeval.client.assemble import from_body, from_chunks


def chunk(delta, finish=None, index=0, **extra):
    return {
        "id": "c",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
    } | extra


def body(message, finish="stop", **extra):
    return {
        "id": "c",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    } | extra


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_is_found_under_either_name(key):
    whole = from_body(body({"content": "4", key: "2+2"})).first
    parts = from_chunks([chunk({key: "2"}), chunk({key: "+2"}), chunk({"content": "4"}, "stop")])
    for message in (whole, parts.first):
        assert (message.reasoning, message.reasoning_key, message.content) == ("2+2", key, "4")


def test_reasoning_under_both_names_counts_once():
    both = {"reasoning_content": "think", "reasoning": "think"}
    assert from_body(body(both)).first.reasoning == "think"
    assert from_chunks([chunk(both), chunk(both)]).first.reasoning == "thinkthink"


def test_empty_first_name_does_not_hide_the_second():
    message = from_body(body({"reasoning_content": "", "reasoning": "think"})).first
    assert (message.reasoning, message.reasoning_key) == ("think", "reasoning")


def test_reasoning_present_but_empty_differs_from_absent():
    assert from_body(body({"reasoning_content": ""})).first.reasoning == ""
    assert from_body(body({"content": "x", "reasoning_content": None})).first.reasoning is None
    assert from_chunks([chunk({"reasoning": ""})]).first.reasoning == ""


def test_tool_deltas_assemble_by_index():
    first = {"index": 0, "id": "a", "type": "function"}
    result = from_chunks(
        [
            chunk({"role": "assistant", "content": None}),
            chunk({"tool_calls": [first | {"function": {"name": "f", "arguments": ""}}]}),
            chunk({"tool_calls": [{"index": 1, "id": "b", "function": {"name": "g"}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": '{"x":'}}]}),
            chunk({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]}),
            chunk({"tool_calls": [{"index": 0, "function": {"arguments": "1}"}}]}, "tool_calls"),
        ]
    )
    calls = [(c.id, c.type, c.name, c.arguments) for c in result.first.tool_calls]
    assert calls == [("a", "function", "f", '{"x":1}'), ("b", None, "g", "{}")]
    assert result.first.finish_reason == "tool_calls"


def test_tool_delta_of_an_absurd_index_is_left_out():
    assert from_chunks([chunk({"tool_calls": [{"index": 10**9}]})]).first.tool_calls == []


def test_usage_is_the_last_one_that_is_not_empty():
    usage = {"prompt_tokens": 1}
    chunks = [chunk({"content": "a"}, usage=None), {"choices": [], "usage": usage}, {"usage": {}}]
    assert from_chunks(chunks).usage == usage


def test_choices_of_a_stream_are_told_apart_and_sorted():
    result = from_chunks(
        [
            chunk({"content": "b"}, index=1),
            chunk({"content": "a"}),
            chunk({"content": "c"}, index=1),
        ]
    )
    assert [(m.index, m.content) for m in result.messages] == [(0, "a"), (1, "bc")]


def test_choices_without_index_keep_their_order():
    whole = {"choices": [{"text": "a"}, {"text": "b"}]}
    assert [m.content for m in from_body(whole).messages] == ["a", "b"]


def test_ids_that_change_are_all_kept():
    assert from_chunks([{"id": "a"}, {"id": "b"}, {"id": "a"}, {"id": None}]).ids == ["a", "b"]


def test_error_event_is_kept():
    error = {"message": "overloaded", "code": 503}
    assert from_chunks([chunk({"content": "a"}), {"error": error}]).error == error


@pytest.mark.parametrize("reply", [None, [], "text", 3])
def test_reply_that_is_no_object_is_an_error(reply):
    result = from_body(reply)
    assert result.messages == []
    assert result.error is not None


@pytest.mark.parametrize(
    "choice",
    [
        None,
        [],
        {"message": None, "delta": None},
        {"message": [], "delta": "x", "logprobs": []},
        {"index": "0", "message": {"content": ["part"], "tool_calls": {"a": 1}}},
        {"delta": {"tool_calls": [None, {"index": "x", "function": "f"}]}, "finish_reason": 3},
    ],
)
def test_odd_choices_never_raise(choice):
    for result in (from_body({"choices": [choice]}), from_chunks([{"choices": [choice]}])):
        assert result.first.finish_reason is None
        assert not result.first.content


FIELDS = [
    "choices",
    "delta",
    "message",
    "tool_calls",
    "function",
    "index",
    "usage",
    "logprobs",
    "content",
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(FIELDS),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "id", "error"]), json_values)))
def test_no_json_whatever_makes_it_raise(chunks):
    from_chunks(chunks)
    for part in chunks:
        from_body(part)
