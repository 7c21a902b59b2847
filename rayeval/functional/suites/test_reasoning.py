# stream 是按名注入的 fixture，没有人以位置传它
# ruff: noqa: FBT001
"""推理内容：字段在、不空、在答案之前、算进用量；预算用完时只有推理也是成功。"""

from __future__ import annotations

import pytest

from rayeval.domain.scenario import Scenario
from rayeval.functional.checks import answered, said_something, usage_adds_up
from rayeval.functional.exchange import Exchange, Json
from rayeval.functional.expect import REASONING, Feature, expect
from rayeval.functional.recorder import RecordingClient

pytestmark = pytest.mark.feature("reasoning")
PUZZLE = "Which is larger, 9.11 or 9.8? Think first, then answer."
TAGS = ("<think>", "</think>")


def _think(
    client: RecordingClient, feature: Feature, prompt: str = PUZZLE, *, stream: bool
) -> Exchange:
    """让它想一想再答；场景要的推理字段须在场，且非空（场景放宽的除外）。"""
    reply = client.chat(prompt, stream=stream, max_tokens=client.answer_tokens)
    answered(reply)
    reasoning, rule = reply.message.reasoning, client.scenario.reasoning
    keys = " or ".join(rule.keys)
    feature.honoured(reply, reasoning is not None, f"the message has no {keys}")
    filled = bool((reasoning or "").strip())
    feature.honoured(reply, filled or rule.allow_empty, f"{keys} is empty")
    return reply


@pytest.mark.parametrize("prompt", [PUZZLE, "9.11 和 9.8 哪个大？先想再答。"], ids=["en", "zh"])
def test_reasoning_is_there(
    client: RecordingClient, feature: Feature, stream: bool, prompt: str
) -> None:
    """推理字段存在且非空（或按场景放宽）。"""
    _think(client, feature, prompt, stream=stream)


def test_answer_follows_the_reasoning(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """推理之后有答案，答案里没有思考标签；流式里推理都在答案之前。"""
    reply = _think(client, feature, stream=stream)
    if reply.message.finish_reason == "length":
        pytest.skip(f"the limit of {client.answer_tokens} tokens ended before the answer")
    said_something(reply)
    content = reply.message.content or ""
    leaked = [tag for tag in TAGS if tag in content]
    expect(reply, not leaked, "the content is free of thinking tags", REASONING, content)
    order = _order(reply, client.scenario.reasoning.keys)
    promise = "all reasoning comes before the answer"
    expect(reply, order == sorted(order, reverse=True), promise, REASONING, {"order": order})


def _order(reply: Exchange, keys: tuple[str, ...]) -> list[str]:
    """流里 reasoning 与 content 出现的次序，相邻相同的并作一个；空白的内容不算。"""
    order: list[str] = []
    for chunk in reply.chunks:
        for choice in chunk.get("choices") or []:
            delta: Json = choice.get("delta") or {}
            found = ["reasoning"] if any(delta.get(key) for key in keys) else []
            if (delta.get("content") or "").strip():
                found.append("content")
            order.extend(kind for kind in found if not order or order[-1] != kind)
    return order


def test_budget_may_end_in_the_reasoning(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """预算在推理途中用完：200，finish_reason 是 length，只有推理，没有答案。"""
    _think(client, feature, stream=False)
    reply = client.chat(PUZZLE, stream=stream, max_tokens=4, stream_options=_usage(stream))
    answered(reply)
    message = reply.message
    came = {"finish_reason": message.finish_reason, "content": message.content}
    promise = 'finish_reason is "length" when the limit ends the reasoning'
    expect(reply, message.finish_reason == "length", promise, REASONING, came)
    leaked = [tag for tag in TAGS if tag in (message.content or "")]
    promise = "unfinished reasoning stays out of the content"
    expect(reply, not leaked and not (message.content or "").strip(), promise, REASONING, came)


def _usage(stream: bool) -> Json | None:
    """流式时要 usage；非流式不能写这个字段，写成 null。"""
    return {"include_usage": True} if stream else None


def test_reasoning_counts_as_output(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """推理的 token 算在 completion_tokens 里；分项（有的话）不超过总数。"""
    whole = _think(client, feature, stream=stream)
    reply = client.chat(PUZZLE, stream=stream, max_tokens=6, stream_options=_usage(stream))
    answered(reply)
    usage = usage_adds_up(reply, limit=6)
    spent = usage["completion_tokens"]
    cut = reply.message.finish_reason == "length"
    promise = "an answer that the limit of 6 tokens ended has used them, reasoning included"
    expect(whole, not cut or spent >= 5, promise, REASONING, {"usage": usage})  # 停止词可不计
    details = usage.get("completion_tokens_details")
    part = details.get("reasoning_tokens") if isinstance(details, dict) else None
    promise = "reasoning_tokens is at most completion_tokens"
    expect(reply, not isinstance(part, int) or part <= spent, promise, REASONING, {"usage": usage})


@pytest.mark.alone
def test_stream_equals_non_stream(client: RecordingClient, feature: Feature) -> None:
    """温度 0：流式的推理与答案，与非流式一字不差；自己都不重复的服务跳过。"""
    whole = _think(client, feature, stream=False).message
    streamed = _think(client, feature, stream=True)
    pairs = {
        "non_stream": (whole.reasoning, whole.content or ""),
        "stream": (streamed.message.reasoning, streamed.message.content or ""),
    }
    if pairs["non_stream"] != pairs["stream"]:
        again = _think(client, feature, stream=False).message
        if (again.reasoning, again.content or "") != pairs["non_stream"]:
            pytest.skip("two equal requests at temperature 0 got different answers")
    same = pairs["non_stream"] == pairs["stream"]
    expect(streamed, same, "a stream adds up to the non-stream reasoning", REASONING, pairs)


def test_reasoning_may_stay_in_the_history(
    client: RecordingClient, feature: Feature, scenario: Scenario
) -> None:
    """把带推理字段的回答原样放回历史：收得下，接着答。"""
    first = _think(client, feature, stream=False).message
    key = first.reasoning_key or scenario.reasoning.keys[0]
    turns: list[Json] = [
        {"role": "user", "content": PUZZLE},
        {"role": "assistant", "content": first.content or "9.8", key: first.reasoning or ""},
        {"role": "user", "content": "Why?"},
    ]
    said_something(client.chat(turns, max_tokens=client.answer_tokens))


@pytest.mark.feature("thinking_switch")
def test_thinking_can_be_switched_off(
    client: RecordingClient, feature: Feature, stream: bool
) -> None:
    """enable_thinking: false：没有推理，答案在内容里。"""
    kwargs = {"enable_thinking": False}
    limit = client.answer_tokens
    reply = client.chat(PUZZLE, stream=stream, max_tokens=limit, chat_template_kwargs=kwargs)
    feature.accepted(reply, "chat_template_kwargs", "enable_thinking")
    answered(reply)
    thought = (reply.message.reasoning or "").strip()
    feature.honoured(reply, not thought, "reasoning came although thinking was switched off")
    said_something(reply)
