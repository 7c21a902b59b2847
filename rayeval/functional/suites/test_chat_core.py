# stream 是按名注入的 fixture，没有人以位置传它
# ruff: noqa: FBT001
"""/chat/completions 的本分：答得出、记得住、流得对、停得下、拒得清楚。"""

from __future__ import annotations

import json

import pytest

from rayeval.functional.checks import answered, said_something, stream_is_well_formed, usage_adds_up
from rayeval.functional.exchange import Exchange
from rayeval.functional.expect import (
    CHAT,
    CHAT_CHUNK,
    CHAT_OBJECT,
    ERRORS,
    Feature,
    broken,
    expect,
    expect_rejection,
)
from rayeval.functional.recorder import RecordingClient

ENGLISH = "Write one short sentence about the sea."
CHINESE = "用一句话介绍大海。"
MIXED = "Please explain 深度学习 in one sentence, 中英文混合。"
_LONGEST_CONTEXT = 300_000
COUNTING = "Count from 1 to 50 in words, separated by commas."


@pytest.mark.parametrize(
    "prompt",
    [ENGLISH, CHINESE, MIXED, "Reply with three emoji: 🙂🚀🌍"],
    ids=["en", "zh", "mix", "emoji"],
)
def test_answers(client: RecordingClient, stream: bool, prompt: str) -> None:
    """英文、中文、混合与表情：答出非空的内容，角色是 assistant，字符没有被切断。"""
    reply = client.chat(prompt, stream=stream, max_tokens=client.answer_tokens)
    said_something(reply)
    expect(
        reply,
        reply.message.role == "assistant",
        'the role of the answer is "assistant"',
        CHAT_CHUNK if stream else CHAT_OBJECT,
        {"role": reply.message.role},
        strict=stream,
    )


def test_takes_system_and_history(client: RecordingClient, stream: bool) -> None:
    """system 消息与 user、assistant 的往来都收下，接着答。"""
    history = [
        {"role": "system", "content": "You are a terse assistant. 请简短回答。"},
        {"role": "user", "content": "My name is Li Lei."},
        {"role": "assistant", "content": "Hello, Li Lei. 你好！"},
        {"role": "user", "content": "What is my name?"},
    ]
    reply = client.chat(history, stream=stream, max_tokens=client.answer_tokens)
    said_something(reply)
    if reply.completion.usage:
        alone = client.chat(history[-1:])
        answered(alone)
        grown = usage_adds_up(reply)["prompt_tokens"] > usage_adds_up(alone)["prompt_tokens"]
        expect(reply, grown, "the whole conversation is part of the prompt", CHAT)


def test_takes_content_parts(client: RecordingClient) -> None:
    """content 写成若干 text 部分的列表与写成字符串一样收下。"""
    parts = [
        {"type": "text", "text": "Write one short sentence"},
        {"type": "text", "text": "about tea."},
    ]
    said_something(
        client.chat([{"role": "user", "content": parts}], max_tokens=client.answer_tokens)
    )


def test_counts_usage(client: RecordingClient) -> None:
    """非流式：usage 三项都在、加得起来、不超过上限。"""
    reply = client.chat(COUNTING, max_tokens=16)
    answered(reply)
    usage_adds_up(reply, limit=16)


def test_counts_usage_in_the_stream(client: RecordingClient) -> None:
    """流式：要了 include_usage 就给，与非流式的 prompt_tokens 相同。"""
    reply = client.chat(COUNTING, stream=True, stream_options={"include_usage": True})
    answered(reply)
    usage = usage_adds_up(reply, limit=16)
    whole = client.chat(COUNTING)
    expect(
        reply,
        usage["prompt_tokens"] == usage_adds_up(whole)["prompt_tokens"],
        "the same prompt has the same prompt_tokens, stream or not",
        CHAT_CHUNK,
        {"stream": usage, "non_stream": whole.completion.usage},
    )


def test_stream_is_well_formed(client: RecordingClient) -> None:
    """流：首块有角色，一个 id，一个 finish_reason，[DONE] 收尾。"""
    reply = client.chat(ENGLISH, stream=True, max_tokens=client.answer_tokens)
    answered(reply)
    stream_is_well_formed(reply, "chat.completion.chunk")
    choices = [choice for chunk in reply.chunks for choice in chunk.get("choices") or []]
    delta = choices[0].get("delta") or {}
    promise = "the first chunk's delta carries the role"
    expect(reply, delta.get("role") == "assistant", promise, CHAT_CHUNK, choices[0], strict=True)


@pytest.mark.alone
@pytest.mark.feature("seed")
def test_stream_equals_non_stream(client: RecordingClient, feature: Feature) -> None:
    """温度 0 与同一 seed：流式拼起来与非流式一字不差。"""
    limit = client.answer_tokens
    whole = client.chat(MIXED, max_tokens=limit, seed=7)
    feature.accepted(whole, "seed")
    streamed = client.chat(MIXED, stream=True, max_tokens=limit, seed=7)
    answered(whole)
    answered(streamed)
    if _text(whole) == _text(streamed):
        return
    again = client.chat(MIXED, max_tokens=limit, seed=7)
    same = _text(again) == _text(whole)
    feature.honoured(again, same, "two equal requests at temperature 0 got different answers")
    came = {"non_stream": _text(whole), "stream": _text(streamed)}
    raise broken(streamed, "a stream adds up to the non-stream answer", CHAT_CHUNK, came)


def _text(reply: Exchange) -> tuple[str, str, str | None]:
    """一次回答里可比的部分：推理、内容、怎么结束。None 与空串不分。"""
    message = reply.message
    return (message.reasoning or "", message.content or "", message.finish_reason)


def test_limit_ends_the_answer(client: RecordingClient, stream: bool) -> None:
    """长度上限截断回答时 finish_reason 是 length。"""
    reply = client.chat(COUNTING, stream=stream, max_tokens=4)
    answered(reply)
    reason = reply.message.finish_reason
    promise = 'finish_reason is "length" when the token limit ends the answer'
    expect(reply, reason == "length", promise, CHAT_OBJECT, {"finish_reason": reason})


def test_stop_ends_the_answer(client: RecordingClient, stream: bool) -> None:
    """停止串（含非 ASCII）：答到它之前为止，它自己不在回答里，finish_reason 是 stop。"""
    before = client.chat(MIXED, max_tokens=client.answer_tokens)
    said_something(before)
    stop = _word_inside(before)
    reply = client.chat(MIXED, stream=stream, max_tokens=client.answer_tokens, stop=[stop])
    answered(reply)
    content = reply.message.content or ""
    promise = f"the answer ends before the stop sequence {stop!r}"
    expect(reply, stop not in content, promise, CHAT, {"content": content})
    reason = reply.message.finish_reason
    promise = 'finish_reason is "stop" when a stop sequence ends the answer'
    expect(reply, reason == "stop", promise, CHAT_OBJECT, {"finish_reason": reason})


def _word_inside(reply: Exchange) -> str:
    """回答正中的几个字，且不在推理里（有的引擎对推理也查停止串）；没有就跳过用例。"""
    content, reasoning = (reply.message.content or "").strip(), reply.message.reasoning or ""
    middle = len(content) // 2
    for start in (*range(middle, len(content) - 2), *range(1, middle)):
        word = content[start : start + 2]
        if word.strip() == word and word not in reasoning and "\ufffd" not in word:
            return word
    return pytest.skip(f"the answer has no text to stop at: {content!r}")


@pytest.mark.feature("n")
def test_gives_n_choices(client: RecordingClient, feature: Feature, stream: bool) -> None:
    """n=2 给两个 choice，index 是 0 与 1。"""
    reply = client.chat(ENGLISH, stream=stream, n=2, temperature=1.0)
    feature.accepted(reply, "n")
    answered(reply)
    indexes = [message.index for message in reply.completion.messages]
    feature.honoured(reply, len(indexes) > 1, f"n=2 gave {len(indexes)} choice")
    expect(reply, indexes == [0, 1], "n=2 gives choices with index 0 and 1", CHAT, indexes)


@pytest.mark.feature("logprobs")
def test_gives_logprobs(client: RecordingClient, feature: Feature, stream: bool) -> None:
    """logprobs：每个词有 token 与不大于 0 的 logprob，top_logprobs 恰两个。"""
    limit = client.answer_tokens  # 推理用完短预算时没有内容，也就没有它的 logprobs
    reply = client.chat(ENGLISH, stream=stream, max_tokens=limit, logprobs=True, top_logprobs=2)
    feature.accepted(reply, "logprobs", "top_logprobs")
    answered(reply)
    entries = [entry for entry in reply.message.logprobs if isinstance(entry, dict)]
    feature.honoured(reply, entries, "the answer has no logprobs.content")
    for entry in entries:
        value, top = entry.get("logprob"), entry.get("top_logprobs")
        shaped = (
            isinstance(entry.get("token"), str) and isinstance(value, int | float) and value <= 0
        )
        expect(reply, shaped, "each token has its logprob, at most 0", CHAT_OBJECT, entry)
        enough = isinstance(top, list) and len(top) in {2, 3}  # 选中的词不在前二时可另附
        expect(reply, enough, "top_logprobs=2 gives the two likeliest tokens", CHAT, entry)


def test_unknown_model_is_refused(client: RecordingClient) -> None:
    """没有的模型名：4xx，不能拿别的模型来答；只服务一个模型的常不看它，宽判放过。"""
    body = client.chat_body("Say OK.") | {"model": "no-such-model-7f3a"}
    reply = client.post("/chat/completions", body, raises=False)
    expect_rejection(client, reply, "an unknown model", strict=True)


def test_errors_have_the_shape_of_the_interface(client: RecordingClient) -> None:
    """错误体是 {"error": {"message": …}}，状态是 4xx。"""
    body = client.chat_body("Say OK.")
    del body["messages"]
    reply = client.post("/chat/completions", body, raises=False)
    expect_rejection(client, reply, "a chat request without messages")
    error = reply.body.get("error") if isinstance(reply.body, dict) else None
    shaped = isinstance(error, dict) and isinstance(error.get("message"), str)
    expect(reply, shaped, "an error body is an object error with a message", ERRORS, strict=True)
    typed = isinstance(error, dict) and isinstance(error.get("type"), str)
    expect(reply, typed, "an error object has a type", ERRORS, strict=True)


def test_overflowing_prompt_is_refused(client: RecordingClient) -> None:
    """比上下文还长的提示：4xx，不能悄悄截短；服务没说上下文多长、或长得出奇的跳过。"""
    length = _context_length(client.get("/models"))
    if not 0 < length <= _LONGEST_CONTEXT:
        pytest.skip(f"GET /models tells no context length below {_LONGEST_CONTEXT}: {length}")
    body = client.chat_body("1 a " * length)
    reply = client.post("/chat/completions", body, raises=False)
    expect_rejection(client, reply, f"a prompt longer than the context of {length} tokens", CHAT)


def _context_length(models: Exchange) -> int:
    """模型列表里写着的上下文长度：vLLM、SGLang 的 max_model_len，llama.cpp 的 meta；没写为 0。"""
    data = models.body.get("data") if isinstance(models.body, dict) else None
    found: list[object] = []
    for model in data if isinstance(data, list) else []:
        meta = model.get("meta") if isinstance(model, dict) else None
        for holder in (model, meta):
            if isinstance(holder, dict):
                found += [holder.get(k) for k in ("max_model_len", "n_ctx", "n_ctx_train")]
    return max((value for value in found if isinstance(value, int)), default=0)


@pytest.mark.alone
def test_leaving_early_does_no_harm(client: RecordingClient) -> None:
    """客户端中途断开：下一个请求照样答得好。"""
    body = client.chat_body(COUNTING, max_tokens=512)
    left = client.post("/chat/completions", body, stream=True, leave_after=2)
    expect(left, left.chunks, "a stream sends its first chunks before it ends", CHAT_CHUNK)
    for _ in range(2):
        said_something(client.chat(ENGLISH, max_tokens=client.answer_tokens))


def test_content_survives_quoting(client: RecordingClient, stream: bool) -> None:
    """引号、反斜杠、换行、零宽与四字节字符的提示：收得下，回复仍是合法 JSON。"""
    nasty = json.dumps({"q": 'He said "\\n" \t', "zh": "“引号”—🧑‍🚀\u200b"}, ensure_ascii=False)
    said_something(
        client.chat(f"Summarise: {nasty}", stream=stream, max_tokens=client.answer_tokens)
    )
