# stream 是按名注入的 fixture，没有人以位置传它
# ruff: noqa: FBT001
"""请求参数的边界：界内必须成功，界外与写错类型必须 4xx；表在配置里。"""

from __future__ import annotations

from typing import Any

import pytest

from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.scenario import Scenario
from rayeval.functional.checks import answered
from rayeval.functional.exchange import Exchange, Json
from rayeval.functional.expect import CHAT, Feature, broken, expect, expect_rejection, names_any
from rayeval.functional.params import ranges, request_params
from rayeval.functional.recorder import RecordingClient

PROMPT = "Say OK."
LONG = 256
LIMITS = ("max_tokens", "max_completion_tokens")


def test_inside(
    client: RecordingClient,
    scenario: Scenario,
    spec: FunctionalSpec,
    valid_param: tuple[str, Any],
) -> None:
    """界内的值：200。

    被拒且点了参数的名：同一参数的别的合法值被接受过，是边界错了（FAIL）；
    哪个值都不收，才算不支持（看场景怎么声明）。上下文装不下的长度跳过。
    """
    name, value = valid_param
    feature = _feature(scenario, name)
    reply = _try(client, name, value)
    if reply.rejected and name in LIMITS and _too_long_for_context(reply):
        pytest.skip(f"the context window is shorter than {value}: {reply.error_message[:300]}")
    if reply.rejected and names_any(reply, (name,)):
        others = [other for other in ranges(spec)[name].valid if other != value]
        taken = next((other for other in others if _try(client, name, other).ok), None)
        if taken is None:
            feature.accepted(reply, name)
        promise = f"{name} = {value} is inside the range (the service accepts {taken})"
        raise broken(reply, promise, CHAT)
    expect(reply, reply.ok, f"{name} = {value} is inside the range: 200", CHAT)
    if not _may_be_long(name, value):
        answered(reply)


def test_outside(
    client: RecordingClient, scenario: Scenario, invalid_param: tuple[str, Any]
) -> None:
    """界外的值、写错的类型：4xx，说得出是哪里不对。"""
    name, value = invalid_param
    _feature(scenario, name)
    reply = _try(client, name, value, raises=False)
    expect_rejection(client, reply, f"{name} = {value!r}, out of range,", CHAT)


def _feature(scenario: Scenario, name: str) -> Feature:
    """参数作为能力；场景声明没有它就跳过。"""
    feature = Feature.of(scenario, name)
    if feature.declared is False:
        pytest.skip(f"the scenario declares that it lacks the parameter {name}")
    return feature


def _try(client: RecordingClient, name: str, value: object, *, raises: bool = True) -> Exchange:
    """带着这个参数问一句；长度上限很大时以流式收几块就走，不等它写完。"""
    name = client.scenario.provider.max_tokens_field if name == "max_tokens" else name
    limit = None if name in LIMITS else 8
    body = client.chat_body(PROMPT, max_tokens=limit) | request_params(name, value)
    long = _may_be_long(name, value)
    leave_after = 4 if long else None
    return client.post(
        "/chat/completions", body, stream=long, leave_after=leave_after, raises=raises
    )


def _may_be_long(name: str, value: object) -> bool:
    """这个值允许（或可能被当作允许）写很长。"""
    return name in LIMITS and (not isinstance(value, int) or value > LONG or value < 1)


def _too_long_for_context(reply: Exchange) -> bool:
    """拒绝的理由是上下文装不下。"""
    return "context" in reply.error_message.lower() or "max_model_len" in reply.error_message


@pytest.mark.parametrize(
    "stop",
    ["。", ["\n"], ["END", "结束", "🙂", "\n\n"]],
    ids=["unicode_string", "list_of_one", "list_of_four"],
)
def test_stop_is_a_string_or_a_list(client: RecordingClient, stop: object) -> None:
    """stop 是字符串，或至多四个字符串的列表，含非 ASCII。"""
    answered(client.chat(PROMPT, stop=stop))


@pytest.mark.feature("logit_bias")
def test_logit_bias_is_taken(client: RecordingClient, feature: Feature) -> None:
    """logit_bias：词号 → −100 到 100 的映射。"""
    reply = client.chat(PROMPT, logit_bias={"5": -100, "6": 1})
    feature.accepted(reply, "logit_bias")
    answered(reply)


def test_null_means_the_default(client: RecordingClient, stream: bool) -> None:
    """可空的参数写成 null 与不写一样。"""
    nullable = ("top_p", "stop", "presence_penalty", "frequency_penalty", "n", "seed", "logprobs")
    answered(client.chat(PROMPT, stream=stream, **dict.fromkeys(nullable)))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("messages", "hello"),
        ("messages", []),
        ("messages", [{"content": "no role"}]),
        ("messages", [{"role": "wizard", "content": "unknown role"}]),
        ("messages", ["hello"]),
        ("stream", "perhaps"),
        ("stop", 7),
        ("tools", "get_weather"),
        ("response_format", "json"),
        ("logit_bias", [1, 2]),
    ],
    ids=[
        "messages_string",
        "messages_empty",
        "message_without_role",
        "message_of_unknown_role",
        "message_not_an_object",
        "stream_string",
        "stop_number",
        "tools_string",
        "response_format_string",
        "logit_bias_list",
    ],
)
def test_wrong_shape_is_refused(client: RecordingClient, field: str, value: object) -> None:
    """写错形状的字段：4xx，而不是当没看见或 500。"""
    body: Json = client.chat_body(PROMPT) | {field: value}
    reply = client.post("/chat/completions", body, raises=False)
    strange_role = "wizard" in str(value)  # 模板往往什么角色都收，客户端却从不这样写
    promise = f"{field} = {value!r}, the wrong shape,"
    expect_rejection(client, reply, promise, CHAT, strict=strange_role)
