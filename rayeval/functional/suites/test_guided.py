# stream 是按名注入的 fixture，没有人以位置传它
# ruff: noqa: FBT001
"""结构化输出：回复必定是 JSON、必定合 schema，哪怕提示叫它别守。"""

from __future__ import annotations

import json
from typing import Any

import pytest

from rayeval.domain.scenario import Scenario
from rayeval.functional.checks import answered, valid_json
from rayeval.functional.exchange import Exchange, Json
from rayeval.functional.expect import (
    CHAT_OBJECT,
    STRUCTURED,
    Feature,
    expect,
    expect_rejection,
)
from rayeval.functional.recorder import RecordingClient

pytestmark = pytest.mark.feature("guided")
PARAMS = ("response_format", "json_schema", "json_object", "guided", "structured")
ROOM = 512
"""每个 schema 都有界（maxLength、maxItems），写完用不了这么多 token。"""


def _object(properties: Json, required: list[str] | None = None) -> Json:
    """一个不许多余字段的对象 schema，默认字段都必填。"""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties) if required is None else required,
        "additionalProperties": False,
    }


NAME: Json = {"type": "string", "minLength": 1, "maxLength": 24}
SCHEMAS: dict[str, tuple[str, Json]] = {
    "flat": (
        "Describe a person.",
        _object({"name": NAME, "age": {"type": "integer", "minimum": 0, "maximum": 120}}),
    ),
    "nested_array": (
        "Describe an order of two books.",
        _object(
            {
                "buyer": _object({"name": NAME, "vip": {"type": "boolean"}}),
                "items": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 3,
                    "items": _object(
                        {"title": NAME, "count": {"type": "integer", "minimum": 1, "maximum": 9}}
                    ),
                },
            }
        ),
    ),
    "enum": (
        "What mood are you in?",
        _object({"mood": {"type": "string", "enum": ["happy", "sad", "neutral"]}}),
    ),
    "chinese": (
        "介绍一座城市。",
        _object({"城市": NAME, "天气": {"type": "string", "enum": ["晴", "阴", "雨", "雪"]}}),
    ),
}
ADVERSARIAL: dict[str, tuple[str, Json]] = {
    "maximum": (
        'Reply with {"score": 1000}. The number must be 1000, nothing else.',
        _object({"score": {"type": "integer", "minimum": 1, "maximum": 5}}),
    ),
    "additional_properties": (
        "Reply with a JSON object that has the keys a, b, c and d, all of them.",
        _object({"a": {"type": "boolean"}}),
    ),
    "pattern": (
        'Reply with {"code": "hello world"} exactly.',
        _object({"code": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}}),
    ),
    "prose": (
        "Do not write JSON. Answer in plain prose: why is the sky blue?",
        _object({"ok": {"type": "boolean"}}),
    ),
}


def _format(schema: Json) -> Json:
    """response_format 的 json_schema 形式。"""
    return {
        "type": "json_schema",
        "json_schema": {"name": "answer", "strict": True, "schema": schema},
    }


def _ask(
    client: RecordingClient, feature: Feature, prompt: str, form: Json, **params: Any
) -> Exchange:
    """要一个结构化的回答；格式被拒时按能力的声明处置。"""
    limit = max(ROOM, client.answer_tokens)
    reply = client.chat(prompt, max_tokens=limit, response_format=form, **params)
    feature.accepted(reply, *PARAMS)
    answered(reply)
    message = reply.message
    if message.finish_reason == "length" and not (message.content or "").strip():
        pytest.skip(f"the limit of {limit} tokens went into reasoning, no answer to judge")
    return reply


def _json(reply: Exchange, feature: Feature, schema: Json) -> Any:
    """内容须合 schema；连个 JSON 的样子都没有，算格式被无视。"""
    content = (reply.message.content or "").strip()
    shaped = content.startswith("{")
    feature.honoured(reply, shaped, f"the content is not a JSON object: {content[:200]!r}")
    return valid_json(reply, content, schema, "content")


@pytest.mark.parametrize(
    "prompt", ["Describe a cat as a JSON object.", "用 JSON 对象介绍一只猫。"], ids=["en", "zh"]
)
def test_json_object(client: RecordingClient, feature: Feature, stream: bool, prompt: str) -> None:
    """json_object：内容是一个 JSON 对象，前后没有别的。"""
    reply = _ask(client, feature, prompt, {"type": "json_object"}, stream=stream)
    if reply.message.finish_reason == "length":
        pytest.skip("the object was cut by the token limit; nothing bounds its length")
    _json(reply, feature, {"type": "object"})


@pytest.mark.parametrize("name", list(SCHEMAS))
def test_json_schema(client: RecordingClient, feature: Feature, stream: bool, name: str) -> None:
    """json_schema：嵌套、数组、枚举、数的上下界、中文键与值，都守得住。"""
    prompt, schema = SCHEMAS[name]
    _json(_ask(client, feature, prompt, _format(schema), stream=stream), feature, schema)


@pytest.mark.parametrize("name", list(ADVERSARIAL))
def test_schema_wins_over_the_prompt(client: RecordingClient, feature: Feature, name: str) -> None:
    """提示叫它越界、多写字段、不合模式、不写 JSON：schema 说了算。"""
    prompt, schema = ADVERSARIAL[name]
    _json(_ask(client, feature, prompt, _format(schema)), feature, schema)


def test_schema_holds_without_thinking(
    client: RecordingClient, feature: Feature, scenario: Scenario, stream: bool
) -> None:
    """关掉思考时 schema 照样守得住，内容不跑到推理字段里。"""
    prompt, schema = SCHEMAS["flat"]
    kwargs = {"enable_thinking": False}
    form = _format(schema)
    reply = client.chat(
        prompt, max_tokens=ROOM, response_format=form, chat_template_kwargs=kwargs, stream=stream
    )
    Feature.of(scenario, "thinking_switch").accepted(reply, "chat_template_kwargs")
    answered(reply)
    _json(reply, feature, schema)


def test_truncation_is_reported(client: RecordingClient, feature: Feature, stream: bool) -> None:
    """长度上限截断的 JSON：finish_reason 是 length，不谎称 stop。"""
    prompt, schema = SCHEMAS["nested_array"]
    reply = client.chat(prompt, max_tokens=3, response_format=_format(schema), stream=stream)
    feature.accepted(reply, *PARAMS)
    answered(reply)
    reason = reply.message.finish_reason
    promise = 'finish_reason is "length" when the limit cuts the JSON'
    expect(reply, reason == "length", promise, CHAT_OBJECT, {"finish_reason": reason})


def test_impossible_schema_is_refused(client: RecordingClient, feature: Feature) -> None:
    """不成立的 schema（没有这种 type）：4xx，而不是 500 或当没看见。"""
    prompt, schema = SCHEMAS["flat"]
    feature.accepted(client.chat(prompt, response_format=_format(schema)), *PARAMS)
    body = client.chat_body(prompt, response_format=_format({"type": "nonsense"}))
    reply = client.post("/chat/completions", body, raises=False)
    expect_rejection(client, reply, 'a JSON Schema with the type "nonsense"', STRUCTURED)


@pytest.mark.alone
def test_stream_is_as_valid_as_the_whole(client: RecordingClient, feature: Feature) -> None:
    """温度 0：流式拼起来与非流式是同一个值。"""
    prompt, schema = SCHEMAS["enum"]
    form = _format(schema)
    whole = _json(_ask(client, feature, prompt, form, seed=7), feature, schema)
    streamed = _ask(client, feature, prompt, form, seed=7, stream=True)
    pieces = _json(streamed, feature, schema)
    if whole != pieces:
        again = _json(_ask(client, feature, prompt, form, seed=7), feature, schema)
        if again != whole:
            pytest.skip("two equal requests at temperature 0 got different answers")
    came = json.dumps({"non_stream": whole, "stream": pieces}, ensure_ascii=False)
    expect(streamed, whole == pieces, "a stream adds up to the non-stream value", STRUCTURED, came)
