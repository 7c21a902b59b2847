"""内置服务的流：块的次序与形状，与一次性回答处处一致。"""

import json

import httpx
import pytest

from rayeval.client.assemble import from_body, from_chunks
from rayeval.client.openai import OpenAIClient

TOOL = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "weather of a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "person",
        "schema": {
            "type": "object",
            "properties": {"姓名": {"type": "string"}},
            "required": ["姓名"],
        },
    },
}
THINK = {"chat_template_kwargs": {"enable_thinking": True}}


@pytest.fixture
def client(start_mock):
    with OpenAIClient(start_mock().endpoint) as made:
        yield made


def both(client, text, path="/chat/completions", **fields):
    asked = {"messages": [{"role": "user", "content": text}]}
    asked = {"prompt": text} if path == "/completions" else asked
    body = {"model": "mock", **asked, "temperature": 0, "seed": 1, **fields}
    options = {"stream": True, "stream_options": {"include_usage": True}}
    reply, stream = client.post(path, body), client.stream(path, {**body, **options})
    assert (reply.status, stream.status, stream.undecodable) == (200, 200, [])
    return reply.body, stream


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Tell me something", {}),
        ("你好，说说你自己", {}),
        ("Give me emoji", {}),
        ("Count from 1 to 10", {"stop": "5"}),
        ("Tell me something", {"max_tokens": 3}),
        ("Tell me something", {"n": 3, "temperature": 1}),
        ("Why?", THINK),
        ("Why?", {**THINK, "max_tokens": 4}),
        ("weather in Paris and Tokyo", {"tools": [TOOL]}),
        ("hello", {"tools": [TOOL], "tool_choice": "required", **THINK}),
        ("who", {"response_format": SCHEMA}),
        ("hello", {"logprobs": True, "top_logprobs": 3}),
    ],
)
def test_stream_and_whole_say_the_same(client, text, fields):
    body, stream = both(client, text, **fields)
    whole, joined = from_body(body), from_chunks(stream.chunks)
    assert whole.usage == joined.usage
    assert len(whole.messages) == fields.get("n", 1)
    for one, other in zip(whole.messages, joined.messages, strict=True):
        assert (one.content or "", one.reasoning) == (other.content or "", other.reasoning)
        assert (one.finish_reason, one.logprobs) == (other.finish_reason, other.logprobs)
        calls = [[(call.name, call.arguments) for call in m.tool_calls] for m in (one, other)]
        assert calls[0] == calls[1]


def test_the_first_chunk_is_the_role_and_the_last_is_usage(client):
    _, stream = both(client, "hello")
    assert stream.chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert stream.chunks[-2]["choices"][0]["finish_reason"] == "stop"
    assert (stream.chunks[-1]["choices"], stream.done) == ([], True)
    assert len({chunk["id"] for chunk in stream.chunks}) == 1
    tokens = stream.chunks[-1]["usage"]["completion_tokens"]
    assert len(stream.chunks) == tokens + 3


def test_usage_is_only_there_when_asked_for(client):
    body = client.chat_body([{"role": "user", "content": "hello"}], stream=True)
    stream = client.stream("/chat/completions", body)
    assert stream.done
    assert not any("usage" in chunk or not chunk["choices"] for chunk in stream.chunks)


def test_tool_deltas_begin_with_id_type_and_name(client):
    _, stream = both(client, "weather in Paris", tools=[TOOL])
    deltas = [chunk["choices"][0]["delta"] for chunk in stream.chunks if chunk["choices"]]
    parts = [part for delta in deltas for part in delta.get("tool_calls", [])]
    assert parts[0]["function"] == {"name": "get_weather", "arguments": ""}
    assert (parts[0]["type"], bool(parts[0]["id"])) == ("function", True)
    assert all(set(part) == {"index", "function"} for part in parts[1:])
    assert len(parts) > 3
    assert json.loads("".join(part["function"]["arguments"] for part in parts)) == {"city": "Paris"}


@pytest.mark.parametrize("key", ["reasoning", "reasoning_content"])
def test_reasoning_is_under_the_chosen_key(start_mock, key):
    with OpenAIClient(start_mock("--reasoning", "--reasoning-key", key).endpoint) as client:
        body, stream = both(client, "Why?")
    whole, joined = from_body(body).first, from_chunks(stream.chunks).first
    assert whole.reasoning_key == joined.reasoning_key == key
    details = body["usage"]["completion_tokens_details"]
    assert 0 < details["reasoning_tokens"] < body["usage"]["completion_tokens"]


def test_a_reasoning_that_uses_up_the_budget_has_null_content(client):
    body, _ = both(client, "Why?", max_tokens=4, **THINK)
    assert body["choices"][0]["message"]["content"] is None
    assert body["choices"][0]["finish_reason"] == "length"


def test_completions_stream_and_whole_say_the_same(client):
    fields = {"echo": True, "logprobs": 2, "n": 2, "max_tokens": 5, "prompt": ["Once upon", "你好"]}
    body, stream = both(client, "", "/completions", **fields)
    whole = [choice["text"] for choice in body["choices"]]
    joined = [message.content for message in from_chunks(stream.chunks).messages]
    assert whole == joined
    assert whole[0].startswith("Once upon")
    block = body["choices"][0]["logprobs"]
    assert "".join(block["tokens"]) == whole[0]
    assert [
        whole[0][at:][: len(t)] for at, t in zip(block["text_offset"], block["tokens"], strict=True)
    ] == block["tokens"]
    assert block["token_logprobs"][0] is None
    assert from_chunks(stream.chunks).messages[0].logprobs == block["token_logprobs"]


def test_every_chunk_holds_whole_code_points(client):
    body = client.chat_body(
        [{"role": "user", "content": "Repeat after me: 👨‍👩‍👧🇨🇳"}], stream=True
    )
    stream = client.stream("/chat/completions", body)
    texts = [chunk["choices"][0]["delta"].get("content") or "" for chunk in stream.chunks]
    assert [text for text in texts if text] == list("👨‍👩‍👧🇨🇳")


def test_the_prompt_tokens_of_usage_agree_with_tokenize(client):
    messages = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "你好 there"},
    ]
    usage = client.chat(messages).body["usage"]
    reply = client.post("root:/tokenize", {"model": "mock", "messages": messages})
    assert reply.body["count"] == usage["prompt_tokens"]
    prompt = "hello 世界 12345"
    counted = client.post("root:/tokenize", {"prompt": prompt}).body
    asked = client.post("/completions", {"prompt": counted["tokens"], "max_tokens": 1})
    assert asked.body["usage"]["prompt_tokens"] == counted["count"]


def test_the_declared_length_is_that_of_the_body(client):
    reply = httpx.post(
        client.url("/chat/completions"),
        json=client.chat_body([{"role": "user", "content": "你好"}]),
        headers={"Accept-Encoding": "gzip"},
        trust_env=False,
    )
    assert "content-encoding" not in reply.headers
    assert int(reply.headers["content-length"]) == len(reply.content)
