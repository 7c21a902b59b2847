# stream 是按名注入的 fixture，没有人以位置传它
# ruff: noqa: FBT001
"""/completions（旧接口）的本分：续写、用量、流、停止、列表提示、回显。"""

from __future__ import annotations

import pytest

from rayeval.functional.checks import answered, said_something, stream_is_well_formed, usage_adds_up
from rayeval.functional.exchange import Exchange
from rayeval.functional.expect import (
    TEXT,
    TEXT_OBJECT,
    Feature,
    broken,
    expect,
    expect_rejection,
)
from rayeval.functional.recorder import RecordingClient

pytestmark = pytest.mark.feature("completions")
ENGLISH = "The sea is"
CHINESE = "从前有一座山，山里有"
MIXED = "Deep learning（深度学习）is"


@pytest.fixture(autouse=True)
def _has_completions(client: RecordingClient, feature: Feature) -> None:
    """服务得有 /completions；没有（404、405 且不是嫌模型名不对）而又没声明，就跳过。"""
    reply = client.complete("Hello", max_tokens=1)
    about_model = "model" in reply.error_message.lower()
    if reply.status in {404, 405, 501} and not about_model:
        feature.lacking(reply, f"POST /completions is answered with {reply.status}")


@pytest.mark.parametrize("prompt", [ENGLISH, CHINESE, MIXED], ids=["en", "zh", "mix"])
def test_continues(client: RecordingClient, stream: bool, prompt: str) -> None:
    """英文、中文、混合：续得出非空的文本。"""
    said_something(client.complete(prompt, stream=stream, max_tokens=32))


def test_counts_usage(client: RecordingClient) -> None:
    """usage 三项都在、加得起来、不超过上限。"""
    reply = client.complete(ENGLISH, max_tokens=8)
    answered(reply)
    usage_adds_up(reply, limit=8)


def test_stream_is_well_formed(client: RecordingClient) -> None:
    """流：种类是 text_completion，一个 id，一个 finish_reason，[DONE] 收尾。"""
    reply = client.complete(ENGLISH, stream=True)
    answered(reply)
    stream_is_well_formed(reply, "text_completion")


def test_counts_usage_in_the_stream(client: RecordingClient) -> None:
    """流式：要了 include_usage 就给。"""
    reply = client.complete(
        ENGLISH, stream=True, max_tokens=8, stream_options={"include_usage": True}
    )
    answered(reply)
    usage_adds_up(reply, limit=8)


@pytest.mark.alone
def test_stream_equals_non_stream(client: RecordingClient) -> None:
    """温度 0 与同一 seed：流式拼起来与非流式一字不差；自己都不重复的服务跳过。"""
    whole = client.complete(MIXED, seed=7)
    streamed = client.complete(MIXED, stream=True, seed=7)
    answered(whole)
    answered(streamed)
    if _text(whole) == _text(streamed):
        return
    if _text(client.complete(MIXED, seed=7)) != _text(whole):
        pytest.skip("two equal requests at temperature 0 got different answers")
    came = {"non_stream": _text(whole), "stream": _text(streamed)}
    raise broken(streamed, "a stream adds up to the non-stream answer", TEXT_OBJECT, came)


def _text(reply: Exchange) -> str:
    """续写的文本；截在半个字符上的替换符不比。"""
    return (reply.message.content or "").rstrip("\ufffd")


def test_limit_ends_the_text(client: RecordingClient, stream: bool) -> None:
    """长度上限截断时 finish_reason 是 length。"""
    reply = client.complete(ENGLISH, stream=stream, max_tokens=2)
    answered(reply)
    reason = reply.message.finish_reason
    promise = 'finish_reason is "length" when max_tokens ends the text'
    expect(reply, reason == "length", promise, TEXT_OBJECT, {"finish_reason": reason})


def test_stop_ends_the_text(client: RecordingClient, stream: bool) -> None:
    """停止串：续到它之前为止，它自己不在文本里，finish_reason 是 stop。"""
    before = client.complete(ENGLISH, max_tokens=32)
    said_something(before)
    text = (before.message.content or "").rstrip("\ufffd")
    stop = text[len(text) // 2 :][:2]
    reply = client.complete(ENGLISH, stream=stream, max_tokens=32, stop=stop)
    answered(reply)
    came = {"text": reply.message.content, "finish_reason": reply.message.finish_reason}
    promise = f"the text ends before the stop sequence {stop!r}"
    expect(reply, stop not in (reply.message.content or ""), promise, TEXT, came)
    promise = 'finish_reason is "stop" when a stop sequence ends the text'
    expect(reply, reply.message.finish_reason == "stop", promise, TEXT_OBJECT, came)


def test_list_of_prompts_gives_a_choice_each(client: RecordingClient) -> None:
    """提示是列表：每个提示一个 choice，index 依次。"""
    reply = client.complete([ENGLISH, CHINESE])
    answered(reply)
    indexes = [message.index for message in reply.completion.messages]
    expect(reply, indexes == [0, 1], "two prompts give choices with index 0 and 1", TEXT, indexes)


@pytest.mark.feature("echo")
def test_echo_repeats_the_prompt(client: RecordingClient, feature: Feature) -> None:
    """echo：文本以提示开头，其后还有续写。"""
    reply = client.complete(MIXED, echo=True)
    feature.accepted(reply, "echo")
    answered(reply)
    text = reply.message.content or ""
    feature.honoured(reply, text.startswith(MIXED), "the text does not begin with the prompt")
    expect(reply, len(text) > len(MIXED), "echo adds the continuation to the prompt", TEXT, text)


def test_missing_prompt_is_refused(client: RecordingClient) -> None:
    """没有 prompt：4xx。"""
    body = {"model": client.http.endpoint.model, "max_tokens": 1}
    reply = client.post("/completions", body, raises=False)
    expect_rejection(client, reply, "a completion request without a prompt")
