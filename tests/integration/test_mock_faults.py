"""内置服务的故障从线上看：时机、字节、连接、进程、账本；逐个用例的凭据在 contract 里。"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time

import httpx
import pytest

from rayeval.mock.faults.registry import FAULTS

HELLO = {"messages": [{"role": "user", "content": "Say hello."}]}


@pytest.fixture
def web():
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


def ask(web, mock, **fields):
    return web.post(mock.base_url + "/chat/completions", json=HELLO | fields)


def events(reply):
    data = [part.removeprefix("data: ") for part in reply.text.split("\n\n") if part]
    return [part if part == "[DONE]" else json.loads(part) for part in data]


@pytest.mark.parametrize(
    ("flag", "statuses"),
    [
        ("http_503", [503] * 6),
        ("http_503:every=2", [200, 503, 200, 503, 200, 503]),
        ("http_503:after=4", [200, 200, 200, 200, 503, 503]),
        ("http_503:after=1,every=3,burst=2", [200, 200, 503, 503, 200, 503]),
        ("http_429:every=6", [200, 200, 200, 200, 200, 429]),
    ],
)
def test_a_fault_strikes_when_it_is_told_to(start_mock, web, flag, statuses):
    mock = start_mock("--fault", flag)
    assert [ask(web, mock).status_code for _ in statuses] == statuses
    assert web.get(mock.root_url + "/health").status_code == 200


def test_two_faults_strike_together(start_mock, web):
    mock = start_mock("--fault", "usage_missing", "--fault", "role_missing")
    body = ask(web, mock).json()
    assert "usage" not in body
    assert "role" not in body["choices"][0]["message"]


def test_without_the_done_the_stream_still_ends(start_mock, web):
    mock = start_mock("--fault", "done_missing")
    last = events(ask(web, mock, stream=True))[-1]
    assert last["choices"][0]["finish_reason"] == "stop"


def test_an_error_object_comes_after_the_status_200(start_mock, web):
    mock = start_mock("--fault", "error_after_200")
    reply = ask(web, mock, stream=True)
    assert reply.status_code == 200
    assert [list(event)[:1] for event in events(reply)] == [["id"], ["id"], ["error"]]
    assert "error" in ask(web, mock).json()


def test_usage_counts_the_chunks_of_a_stream(start_mock, web):
    mock = start_mock("--fault", "usage_per_chunk")
    options = {"include_usage": True}
    *chunks, usage, _ = events(ask(web, mock, stream=True, stream_options=options))
    assert usage["usage"]["completion_tokens"] == len(chunks)
    whole = ask(web, mock).json()["usage"]
    assert whole["completion_tokens"] == len(chunks) - 2, "the first and the last are no tokens"


@pytest.mark.parametrize(
    ("fault", "written"),
    [
        ("error_500", (500, "application/json", '{"error"')),
        ("error_plain", (400, "text/plain", "Bad Requ")),
        ("error_blank", (400, "application/json", "")),
        ("error_flat", (400, "application/json", '{"messag')),
        ("error_200", (200, "application/json", '{"error"')),
    ],
)
def test_an_error_is_written_in_another_way(start_mock, web, fault, written):
    reply = ask(web, start_mock("--fault", fault), temperature=9)
    assert (reply.status_code, reply.headers["content-type"], reply.text[:8]) == written


def test_gzip_comes_without_a_word(start_mock, web):
    reply = ask(web, start_mock("--fault", "gzip_unannounced"))
    assert "content-encoding" not in reply.headers
    assert json.loads(gzip.decompress(reply.content))["object"] == "chat.completion"


@pytest.mark.parametrize("stream", [False, True])
def test_an_empty_200_has_no_byte(start_mock, web, stream):
    reply = ask(web, start_mock("--fault", "empty_200"), stream=stream)
    assert (reply.status_code, reply.content) == (200, b"")


@pytest.mark.parametrize("stream", [False, True])
def test_a_reset_breaks_the_reply_and_nothing_else(start_mock, web, stream):
    mock = start_mock("--fault", "connection_reset:every=2")
    assert ask(web, mock, stream=stream).status_code == 200
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        ask(web, mock, stream=stream)
    assert ask(web, mock, stream=stream).status_code == 200
    stats = mock.stats()
    settled = stats["done"] + stats["refused"] + stats["aborted"]
    assert (stats["issued"], stats["in_flight"]) == (settled, 0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_hang_sends_no_byte_while_health_is_good(start_mock, web, stream):
    mock = start_mock("--fault", "hang:after=1")
    assert ask(web, mock, stream=stream).status_code == 200
    with pytest.raises(httpx.ReadTimeout):
        web.post(mock.base_url + "/chat/completions", json=HELLO | {"stream": stream}, timeout=0.3)
    assert web.get(mock.root_url + "/health").status_code == 200


def test_a_stall_sends_two_tokens_and_stays_open(start_mock, web):
    mock = start_mock("--fault", "stall")
    url, got = mock.base_url + "/chat/completions", []
    body = {"messages": [{"role": "user", "content": "Count from 1 to 9"}], "stream": True}
    with pytest.raises(httpx.ReadTimeout), web.stream("POST", url, json=body, timeout=0.5) as reply:
        got.extend(reply.iter_raw())
    assert b"".join(got).count(b"data: ") == 3, "the role's chunk and two tokens"


def test_a_drip_is_slow_token_by_token(start_mock, web):
    mock = start_mock("--fault", "slow_drip")
    begin = time.monotonic()
    assert ask(web, mock, stream=True, max_tokens=2).status_code == 200
    assert time.monotonic() - begin >= 3


@pytest.mark.parametrize("fault", ["dies", "dies_when_left"])
def test_the_process_dies_as_if_killed(start_mock, web, fault):
    mock = start_mock("--fault", fault)
    url, body = mock.base_url + "/chat/completions", HELLO | {"stream": True, "ignore_eos": True}
    try:
        with web.stream("POST", url, json=body | {"max_tokens": 4000}) as reply:
            next(reply.iter_raw())
    except httpx.RemoteProtocolError:
        assert fault == "dies"
    assert mock.process.wait(20) == 70


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("role_mising", "did you mean role_missing?"),
        ("hang:sometimes", "write NAME, or NAME:every=N,after=N,burst=N"),
        ("hang:every=2,burst=3", "burst must be between 1 and every=2"),
        ("hang:every=0", "burst must be between 1 and every=0"),
    ],
)
def test_a_misspelt_fault_is_refused_at_the_start(flag, said):
    argv = [sys.executable, "-m", "rayeval.mock", "--port", "0", "--fault", flag]
    ended = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert said in ended.stderr


def test_the_list_names_every_fault_and_its_defect():
    argv = [sys.executable, "-m", "rayeval.mock", "--list-faults"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    rows = [line.split(maxsplit=1) for line in said.splitlines()]
    assert rows == [[fault.name, fault.defect] for fault in FAULTS]
