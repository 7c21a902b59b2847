# stream 是按名注入的 fixture，没有人以位置传它
# ruff: noqa: FBT001
"""工具调用：该调时调、不该调时不调、点名的调、参数合式、流式拼得回来、结果接得上。"""

from __future__ import annotations

import json
from typing import Any

import pytest

from rayeval.client.assemble import ToolCall
from rayeval.functional.checks import answered, said_something, well_formed_call
from rayeval.functional.exchange import Exchange, Json
from rayeval.functional.expect import TOOLS, Feature, expect, expect_rejection
from rayeval.functional.recorder import RecordingClient

pytestmark = pytest.mark.feature("function_call", "tools")
PARAMS = ("tools", "tool_choice", "tool choice", "function")
QUESTION = "What is the weather in Paris right now? Use the tool."


def _tool(name: str, description: str, properties: Json, required: list[str]) -> Json:
    """一个工具的声明。"""
    parameters = {"type": "object", "properties": properties, "required": required}
    function = {"name": name, "description": description, "parameters": parameters}
    return {"type": "function", "function": function}


WEATHER = _tool(
    "get_weather",
    "Current weather of a city. 查询城市天气。",
    {"city": {"type": "string", "description": "city name, e.g. Paris, 北京"}},
    ["city"],
)
ADD = _tool(
    "add_numbers",
    "Add two integers.",
    {"a": {"type": "integer"}, "b": {"type": "integer"}},
    ["a", "b"],
)
TRIP = _tool(
    "book_trip",
    "Book a trip with several stops. 预订多站行程。",
    {
        "cabin": {"type": "string", "enum": ["economy", "business"]},
        "stops": {
            "type": "array",
            "minItems": 1,
            "maxItems": 2,
            "items": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "nights": {"type": "integer"}},
                "required": ["city", "nights"],
            },
        },
    },
    ["cabin", "stops"],
)
CLOCK = _tool("get_time", "Current time; takes no arguments.", {}, [])


def _ask(
    client: RecordingClient,
    feature: Feature,
    prompt: str | list[Json],
    tools: list[Json],
    **params: Any,
) -> Exchange:
    """带着工具问一句；工具被拒时按能力的声明处置。"""
    reply = client.chat(prompt, max_tokens=client.answer_tokens, tools=tools, **params)
    feature.accepted(reply, *PARAMS)
    answered(reply)
    return reply


def _calls(reply: Exchange, feature: Feature, tools: list[Json]) -> list[ToolCall]:
    """回复里的调用，一个不少且个个成形；被长度截断的最后一个不查参数。"""
    calls = reply.message.tool_calls
    content = reply.message.content or ""
    feature.honoured(reply, calls, f"no tool was called, the answer is {content[:200]!r}")
    cut = reply.message.finish_reason == "length"
    for call in calls[:-1] if cut else calls:
        well_formed_call(reply, call, tools)
    expect(reply, not cut or len(calls) > 1, "the call ends within the limit", TOOLS)
    return calls


@pytest.mark.parametrize("prompt", [QUESTION, "请用工具查询北京现在的天气。"], ids=["en", "zh"])
def test_auto_calls_the_tool(
    client: RecordingClient, feature: Feature, stream: bool, prompt: str
) -> None:
    """auto：该用工具的问题得到一次成形的调用，finish_reason 是 tool_calls。"""
    reply = _ask(client, feature, prompt, [WEATHER], tool_choice="auto", stream=stream)
    _calls(reply, feature, [WEATHER])
    reason = reply.message.finish_reason
    promise = 'finish_reason is "tool_calls" when the model called a tool'
    expect(reply, reason == "tool_calls", promise, TOOLS, {"finish_reason": reason})


def test_none_calls_nothing(client: RecordingClient, feature: Feature, stream: bool) -> None:
    """none：不调用任何工具，以文本作答。"""
    reply = _ask(client, feature, QUESTION, [WEATHER], tool_choice="none", stream=stream)
    came = [call.name for call in reply.message.tool_calls]
    expect(reply, not came, 'tool_choice "none" calls no tool', TOOLS, {"called": came})
    reason = reply.message.finish_reason
    promise = 'finish_reason is not "tool_calls" when no tool was called'
    expect(reply, reason != "tool_calls", promise, TOOLS, {"finish_reason": reason})
    said_something(reply)


@pytest.mark.feature("tool_choice_required", "function_call", "tools")
def test_required_calls_a_tool(client: RecordingClient, feature: Feature, stream: bool) -> None:
    """required：与工具无关的问题也得到至少一次成形的调用。"""
    tools = [WEATHER, ADD]
    reply = _ask(client, feature, "Say hello.", tools, tool_choice="required", stream=stream)
    _calls(reply, feature, tools)


@pytest.mark.feature("tool_choice_named", "function_call", "tools")
def test_named_tool_is_the_one_called(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """点名：两个工具里只调点到的那个，哪怕问题更像另一个。"""
    choice = {"type": "function", "function": {"name": "add_numbers"}}
    reply = _ask(client, feature, QUESTION, [WEATHER, ADD], tool_choice=choice, stream=stream)
    calls = _calls(reply, feature, [WEATHER, ADD])
    names = sorted({call.name for call in calls})
    feature.honoured(reply, names == ["add_numbers"], f"tool_choice names add_numbers, got {names}")


@pytest.mark.feature("tool_choice_named", "function_call", "tools")
def test_nested_arguments_follow_the_schema(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """参数里有枚举与对象的数组：一层层都合 Schema。"""
    choice = {"type": "function", "function": {"name": "book_trip"}}
    prompt = "Book an economy trip: 2 nights in Paris, then 1 night in 北京."
    reply = _ask(client, feature, prompt, [TRIP], tool_choice=choice, stream=stream)
    _calls(reply, feature, [TRIP])


@pytest.mark.feature("tool_choice_named", "function_call", "tools")
@pytest.mark.usefixtures("feature")
def test_choosing_a_tool_that_was_not_offered_is_refused(client: RecordingClient) -> None:
    """点名一个没有给出的工具：4xx；照答不误的，宽判放过。"""
    choice = {"type": "function", "function": {"name": "launch_rocket"}}
    body = client.chat_body(QUESTION, tools=[WEATHER], tool_choice=choice)
    reply = client.post("/chat/completions", body, raises=False)
    expect_rejection(client, reply, "a tool_choice that was not offered", TOOLS, strict=True)


@pytest.mark.feature("tool_choice_required", "function_call", "tools")
def test_tool_without_arguments(client: RecordingClient, feature: Feature, stream: bool) -> None:
    """没有参数的工具：arguments 是 {}（或空），不是 null，也不是别的。"""
    reply = _ask(
        client, feature, "What time is it?", [CLOCK], tool_choice="required", stream=stream
    )
    calls = _calls(reply, feature, [CLOCK])
    arguments = json.loads(calls[0].arguments or "{}")
    promise = "arguments of a tool without parameters is a JSON object"
    expect(reply, isinstance(arguments, dict), promise, TOOLS, {"arguments": calls[0].arguments})


@pytest.mark.alone
def test_stream_assembles_to_the_same_call(client: RecordingClient, feature: Feature) -> None:
    """温度 0：流式的增量拼起来，与非流式是同样的名字与参数；id 只来一次。"""
    whole = _ask(client, feature, QUESTION, [WEATHER], seed=7)
    streamed = _ask(client, feature, QUESTION, [WEATHER], seed=7, stream=True)
    plain = [(c.name, c.arguments) for c in _calls(whole, feature, [WEATHER])]
    pieces = [(c.name, c.arguments) for c in _calls(streamed, feature, [WEATHER])]
    came = {"non_stream": plain, "stream": pieces}
    same = [(n, json.loads(a or "{}")) for n, a in plain] == [
        (n, json.loads(a or "{}")) for n, a in pieces
    ]
    expect(streamed, same, "streamed deltas assemble to the non-stream call", TOOLS, came)


def test_answer_follows_the_tool_result(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """工具结果之后：接着以文本作答，不再是调用。"""
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'},
    }
    turns: list[Json] = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": '{"celsius": 21, "sky": "晴"}'},
    ]
    reply = _ask(client, feature, turns, [WEATHER], stream=stream)
    said_something(reply)


@pytest.mark.feature("parallel_tool_calls")
def test_parallel_calls_have_their_own_ids(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """两个城市一次问：两次调用，id 各异，参数各异。"""
    prompt = "What is the weather in Paris and in Tokyo? Call the tool for both cities at once."
    reply = _ask(client, feature, prompt, [WEATHER], stream=stream)
    calls = _calls(reply, feature, [WEATHER])
    feature.honoured(reply, len(calls) > 1, "two cities were asked for, one call came")
    ids = [call.id for call in calls]
    expect(reply, len(set(ids)) == len(ids), "parallel calls have ids of their own", TOOLS, ids)
