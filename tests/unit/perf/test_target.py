import dataclasses
import json

import pytest
from pydantic import SecretStr

from rayeval.domain.perf import Sampling
from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError
from rayeval.perf.target import RequestWriter, parse_target


def written(share, **endpoint):
    share = dataclasses.replace(
        share, endpoint=Endpoint(**{"base_url": "http://h:8/v1", "model": "m"} | endpoint)
    )
    head, body = RequestWriter(share).write("你好", "id-1").split(b"\r\n\r\n", 1)
    first, *lines = head.decode().split("\r\n")
    return first, dict(line.split(": ", 1) for line in lines), json.loads(body), len(body)


@pytest.mark.parametrize(
    ("url", "where", "authority", "prefix"),
    [
        ("http://h:8000/v1", ("h", 8000, False), "h:8000", "/v1"),
        ("http://h/v1/", ("h", 80, False), "h", "/v1"),
        ("https://h/api/x/v1", ("h", 443, True), "h", "/api/x/v1"),
        ("https://h:80/v1", ("h", 80, True), "h:80", "/v1"),
        ("http://[::1]:9/v1", ("::1", 9, False), "[::1]:9", "/v1"),
        ("http://[::1]/v1", ("::1", 80, False), "[::1]", "/v1"),
    ],
)
def test_where_a_base_url_points(url, where, authority, prefix):
    found = parse_target(url)
    assert (found.host, found.port, found.tls) == where
    assert (found.authority, found.prefix) == (authority, prefix)


@pytest.mark.parametrize("url", ["", "h:8000/v1", "ftp://h/v1", "http:///v1", "http://h:99999/v1"])
def test_a_base_url_that_points_nowhere_is_a_usage_error(url):
    with pytest.raises(UsageError):
        parse_target(url)


def test_a_password_in_the_url_is_refused_and_not_repeated():
    with pytest.raises(UsageError) as caught:
        parse_target("http://me:hunter2@h/v1")
    assert "hunter2" not in str(caught.value)


def test_a_chat_request(make_share):
    first, headers, body, length = written(
        make_share(), api_key=SecretStr("k"), headers=(("X-Org", "o"),)
    )
    assert first == "POST /v1/chat/completions HTTP/1.1"
    assert headers["Host"] == "h:8"
    assert headers["Authorization"] == "Bearer k"
    assert headers["X-Org"] == "o"
    assert headers["X-Request-Id"] == "id-1"
    assert headers["Accept-Encoding"] == "identity"
    assert int(headers["Content-Length"]) == length
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": "你好"}],
        "max_tokens": 8,
        "temperature": 0.6,
        "top_p": 1.0,
        "top_k": 8,
        "ignore_eos": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_plain_completion_without_extras(make_share):
    sampling = Sampling(top_k=None, ignore_eos=False, temperature=0)
    share = make_share(backend="openai", stream=False, sampling=sampling)
    share = dataclasses.replace(share, max_tokens_field="max_completion_tokens")
    first, _, body, _ = written(share)
    assert first == "POST /v1/completions HTTP/1.1"
    wanted = {"model": "m", "max_completion_tokens": 8, "temperature": 0, "top_p": 1.0}
    assert body == {**wanted, "stream": False, "prompt": "你好"}


def test_the_providers_header_replaces_ours(make_share):
    _, headers, _, _ = written(make_share(), headers=(("user-agent", "theirs"),))
    assert headers["user-agent"] == "theirs"
    assert "User-Agent" not in headers


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\0", "键"])
def test_a_header_that_would_break_the_request_is_refused_without_its_value(make_share, value):
    with pytest.raises(UsageError) as caught:
        written(make_share(), headers=(("X-Org", value),))
    assert value not in str(caught.value)
