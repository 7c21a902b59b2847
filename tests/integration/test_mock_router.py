"""预填与解码分离的路由：两边都真的收到请求，回答来自解码实例；一边没了说是哪一边。"""

import json
import signal

import pytest

from rayeval.client.openai import OpenAIClient

HI = [{"role": "user", "content": "Hi"}]


@pytest.fixture
def sides(start_mock):
    prefill = start_mock("--model", "m", "--ttft-ms", "40")
    decode = start_mock("--model", "m", "--reasoning")
    router = start_mock("--router", "--prefill", prefill.base_url, "--decode", decode.root_url)
    with OpenAIClient(router.endpoint) as client:
        yield prefill, decode, client


def ask(client, path="/chat/completions", **body):
    return client.post(path, {"model": "m", "messages": HI, "max_tokens": 8, **body})


def test_each_request_is_prefilled_for_one_token_then_decoded(sides):
    prefill, decode, client = sides
    assert client.get("root:/health").ok
    assert client.get("/models").body["data"][0]["id"] == "m"
    body = {"model": "m", "messages": HI, "max_tokens": 8, "min_tokens": 4, "stream": True}
    stream = client.stream("/chat/completions", body)
    assert stream.ok
    assert stream.done
    assert stream.seconds >= 0.04  # 预填的时间
    assert any("reasoning_content" in json.dumps(chunk) for chunk in stream.chunks)
    assert ask(client).body["usage"]["completion_tokens"] == 8
    assert (prefill.stats()["tokens"], decode.stats()["tokens"]) == (2, 16)


def test_what_prefill_refuses_is_refused(sides):
    _, decode, client = sides
    reply = ask(client, model="other")
    assert reply.status == 404
    assert "other" in reply.error_message
    assert decode.stats()["tokens"] == 0
    assert client.post("/chat/completions", ["not an object"]).status == 400


def test_a_client_that_leaves_frees_the_decode_instance(start_mock):
    prefill = start_mock("--model", "m")
    decode = start_mock("--model", "m", "--itl-ms", "50")
    router = start_mock("--router", "--prefill", prefill.root_url, "--decode", decode.root_url)
    with OpenAIClient(router.endpoint) as client:
        body = {"model": "m", "messages": HI, "max_tokens": 4000, "stream": True}
        body["ignore_eos"] = True
        with client.streaming("/chat/completions", body) as (_, chunks):
            next(chunks)
            assert decode.stats()["in_flight"] == 1
        while decode.stats()["in_flight"]:
            assert decode.process.poll() is None


def test_a_side_that_is_gone_is_named(sides):
    _, decode, client = sides
    assert ask(client).ok
    decode.process.send_signal(signal.SIGKILL)
    decode.process.wait()
    for reply in (ask(client), client.get("root:/health")):
        assert reply.status == 503
        assert decode.root_url in reply.text


def test_flags_that_do_not_go_together_are_refused(capsys):
    from rayeval.mock.__main__ import main

    for flags in (
        ["--router"],
        ["--router", "--prefill", "http://a:1"],
        ["--decode", "http://a:1"],
    ):
        with pytest.raises(SystemExit):
            main(flags)
    assert main(["--router", "--prefill", "ftp://a", "--decode", "http://a:1", "--port", "0"]) == 2
    assert "http://HOST:PORT" in capsys.readouterr().err
