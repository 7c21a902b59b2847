"""客户端里不碰网络的部分：读懂错误体、收下流里的数据、拼地址。"""

from __future__ import annotations

import json

import pytest

from rayeval.client.openai import OpenAIClient, Stream, explain, parse
from rayeval.domain.service import Endpoint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"error": {"message": "too hot", "code": 400}}', "too hot"),
        ('{"error": "too hot"}', "too hot"),
        ('{"detail": "too hot"}', "too hot"),
        ('{"message": "too hot"}', "too hot"),
        ('{"detail": [{"loc": ["temperature"]}]}', '[{"loc": ["temperature"]}]'),
        ('{"error": {"code": 7}}', '{"code": 7}'),
        ("Internal Server Error", "Internal Server Error"),
        ("[1]", "[1]"),
        ("", ""),
    ],
)
def test_error_is_read_in_every_shape(text, said):
    assert explain(parse(text), text) == said


def test_json_nested_beyond_reason_is_no_json():
    assert parse("[" * 200_000) is None


def test_stream_keeps_what_it_cannot_decode():
    stream = Stream(200, {})
    taken = [stream.take(data) for data in ('{"a": 1}', "{broken", "[1]", "[DONE]")]
    assert taken == [{"a": 1}, None, None, None]
    assert stream.undecodable == ["{broken", "[1]"]
    assert stream.done
    assert len(stream.raw) == 4


def test_paths_hang_on_the_right_root():
    with OpenAIClient(Endpoint("http://127.0.0.1:1/proxy/v1", "m")) as client:
        assert client.url("/models") == "http://127.0.0.1:1/proxy/v1/models"
        assert client.url("root:/health") == "http://127.0.0.1:1/proxy/health"


def test_body_carries_the_model_and_exactly_the_given_parameters():
    with OpenAIClient(Endpoint("http://127.0.0.1:1/v1", "m")) as client:
        body = client.chat_body([{"role": "user", "content": "你好"}], n=None)
    assert json.loads(json.dumps(body)) == {
        "model": "m",
        "messages": [{"role": "user", "content": "你好"}],
        "n": None,
    }
