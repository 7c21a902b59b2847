import dataclasses
import json

import pytest
from pydantic import SecretStr

from rayeval.domain.perf import Sampling
from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError
from rayeval.perf.prompts import prompts_of
from rayeval.perf.target import RequestWriter, parse_target, refuse_proxy


def written(share, phase="measured", index=0, **endpoint):
    share = dataclasses.replace(
        share, endpoint=Endpoint(**{"base_url": "http://h:8/v1", "model": "m"} | endpoint)
    )
    head, body = RequestWriter(share).write(phase, index, "id-1").split(b"\r\n\r\n", 1)
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
    share = make_share()
    first, headers, body, length = written(share, api_key=SecretStr("k"), headers=(("X-Org", "o"),))
    assert first == "POST /v1/chat/completions HTTP/1.1"
    assert headers["Host"] == "h:8"
    assert headers["Authorization"] == "Bearer k"
    assert headers["X-Org"] == "o"
    assert headers["X-Request-Id"] == "id-1"
    assert headers["Accept-Encoding"] == "identity"
    assert int(headers["Content-Length"]) == length
    assert body == {
        "model": "m",
        "messages": [{"role": "user", "content": prompts_of(share).text("measured", 0)}],
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
    assert body == {**wanted, "stream": False, "prompt": prompts_of(share).text("measured", 0)}


def test_the_providers_header_replaces_ours(make_share):
    _, headers, _, _ = written(make_share(), headers=(("user-agent", "theirs"),))
    assert headers["user-agent"] == "theirs"
    assert "User-Agent" not in headers


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\0", "键"])
def test_a_header_that_would_break_the_request_is_refused_without_its_value(make_share, value):
    with pytest.raises(UsageError) as caught:
        written(make_share(), headers=(("X-Org", value),))
    assert value not in str(caught.value)


@pytest.mark.parametrize("phase", ["warmup", "measured"])
@pytest.mark.parametrize("length", [1, 6, 300])
def test_each_request_carries_its_own_prompt_and_the_right_length(make_share, phase, length):
    share = make_share(input_length=(length,), shared_prefix=length // 3)
    for index in range(30):
        _, headers, body, size = written(share, phase, index)
        assert int(headers["Content-Length"]) == size
        assert body["messages"][0]["content"] == prompts_of(share).text(phase, index)


@pytest.mark.parametrize("model", ['a"b', "模型", "a\\b", '""'])
def test_an_odd_model_name_survives(make_share, model):
    _, _, body, _ = written(make_share(), model=model)
    assert body["model"] == model
    assert body["messages"][0]["content"]


@pytest.mark.parametrize(
    ("asked", "sent"),
    [
        ({"ignore_eos": False, "min_tokens": True}, {"min_tokens": 8}),
        ({"ignore_eos": True, "min_tokens": True}, {"ignore_eos": True}),
        ({"ignore_eos": False}, {}),
    ],
)
def test_the_least_output_is_asked_for_in_one_way_only(make_share, asked, sent):
    _, _, body, _ = written(make_share(sampling=Sampling(**asked)))
    assert {name: body[name] for name in ("ignore_eos", "min_tokens") if name in body} == sent


@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("http://h:8/v1", {"http_proxy": "http://p:1"}),
        ("http://h:8/v1", {"HTTP_PROXY": "http://p:1"}),
        ("https://h/v1", {"HTTPS_PROXY": "http://p:1"}),
        ("http://h/v1", {"ALL_PROXY": "socks5://p:1"}),
        ("https://h/v1", {"all_proxy": "http://p:1"}),
        ("http://h/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "hh, example.com,h:81"}),
        ("http://10.1.2.3/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.2.0.0/16"}),
        ("http://10.1.2.3/v1", {"HTTP_PROXY": "http://p:1", "no_proxy": "", "NO_PROXY": "*"}),
        ("http://[fd00::1]:8/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "fd00::2"}),
    ],
)
def test_a_proxy_on_the_way_is_refused_by_the_variables_name(url, env):
    env = {name: value.replace("p:1", "me:hunter2@p:1") for name, value in env.items()}
    with pytest.raises(UsageError) as caught:
        refuse_proxy(url, env)
    assert next(iter(env)) in str(caught.value)
    assert "NO_PROXY" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "env"),
    [
        ("http://h/v1", {}),
        ("http://h/v1", {"HTTPS_PROXY": "http://p:1"}),
        ("https://h/v1", {"HTTP_PROXY": "http://p:1"}),
        ("http://h/v1", {"HTTP_PROXY": ""}),
        ("http://h/v1", {"http_proxy": "", "HTTP_PROXY": "http://p:1"}),
        ("http://127.0.0.1:8/v1", {"HTTP_PROXY": "http://p:1"}),
        ("http://127.8.8.8:8/v1", {"ALL_PROXY": "http://p:1"}),
        ("http://[::1]:8/v1", {"HTTP_PROXY": "http://p:1"}),
        ("http://localhost:8/v1", {"HTTP_PROXY": "http://p:1"}),
        ("http://h/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "*"}),
        ("http://a.example.com/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "x,example.com"}),
        ("http://a.example.com/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": ".Example.com"}),
        ("http://a.example.com/v1", {"HTTP_PROXY": "http://p:1", "no_proxy": "*.example.com"}),
        ("http://h:8/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "h:8"}),
        ("http://10.1.2.3/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.0.0.0/8"}),
        ("http://10.1.2.3:8/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "10.1.2.3"}),
        ("http://[fd00::1]:8/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "[fd00::1]:8"}),
        ("http://[fd00::1]:8/v1", {"HTTP_PROXY": "http://p:1", "NO_PROXY": "fd00::/8"}),
    ],
)
def test_a_direct_path_is_accepted(url, env):
    refuse_proxy(url, env)
