"""看 /metrics：与内置服务的账对得上；服务怎样作怪都既不抛也不拖。"""

import contextlib
import socket
import threading
import time

import pyarrow as pa
import pytest
from pydantic import SecretStr

from rayeval.client.openai import OpenAIClient
from rayeval.domain.records import REQUESTS
from rayeval.domain.service import Endpoint
from rayeval.perf.server_metrics import ServerWatch

pytestmark = pytest.mark.solo

OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
EMPTY = REQUESTS.empty_table()


def generate(endpoint, tokens, number):
    """流式地生成，返回 REQUESTS 形状的行。"""
    rows = []
    with OpenAIClient(endpoint) as client:
        body = client.chat_body(
            [{"role": "user", "content": "hello"}],
            stream=True,
            max_tokens=tokens,
            ignore_eos=True,
            stream_options={"include_usage": True},
        )
        for _ in range(number):
            usage = client.stream("/chat/completions", body).chunks[-1]["usage"]
            rows.append({name: usage[name] for name in ("prompt_tokens", "completion_tokens")})
    return pa.Table.from_pylist(rows, schema=REQUESTS)


def test_the_embedded_service_agrees_with_what_we_counted(start_mock):
    endpoint = start_mock("--ttft-ms", "30", "--itl-ms", "5").endpoint
    generate(endpoint, 3, 2)
    watch = ServerWatch(endpoint)
    watch.before()
    found = watch.after(generate(endpoint, 8, 4))
    assert (found.source, found.note) == ("vllm", "")
    assert found.agrees == {"requests": 1.0, "prompt_tokens": 1.0, "generation_tokens": 1.0}
    assert (found.requests, found.generation_tokens) == (4, 32)
    ttft, tpot = found.stats["server_ttft"], found.stats["server_tpot"]
    assert (ttft.n, tpot.n, found.stats["server_e2e"].n) == (4, 4, 4)
    assert 0.03 <= ttft.avg < 0.1
    assert 0.02 <= ttft.p50 <= 0.1
    assert 0.004 <= tpot.avg < 0.03
    assert found.cache_hit_ratio == 0.0


def test_a_key_is_sent_and_never_told(start_mock):
    endpoint = start_mock("--api-key", "secret-key-1").endpoint
    watch = ServerWatch(endpoint)
    watch.before()
    assert watch.after(generate(endpoint, 2, 1)).agrees["requests"] == 1.0


@contextlib.contextmanager
def hostile(*pieces, every_s=0.0, hold=True):
    """一个收下请求就照本宣科的服务；`hold` 为真时说完也不关。"""
    stop, heard = threading.Event(), []

    def serve():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    heard.append(peer.recv(65536))
                    for piece in pieces:
                        peer.sendall(piece)
                        stop.wait(every_s)
                    if hold:
                        stop.wait(30)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.1)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            port = listener.getsockname()[1]
            key = SecretStr("secret-key-2")
            yield Endpoint(f"http://127.0.0.1:{port}/v1", "m", key), heard
        finally:
            stop.set()
            thread.join()


def looked(endpoint, timeout_s=0.5):
    """看前看后，连同用时。"""
    watch = ServerWatch(endpoint, timeout_s)
    begin = time.monotonic()
    watch.before()
    found = watch.after(EMPTY)
    return found, time.monotonic() - begin


@pytest.mark.parametrize(
    ("pieces", "every_s", "why"),
    [
        ((), 0.0, "did not answer within 0.5 s"),
        ((b"H", b"T", b"T", b"P", b"/", b"1") * 9, 0.2, "did not answer"),
        ((OK + b"\r\n", *[b"vllm:x 1\n"] * 99), 0.2, "did not answer"),
        ((OK + b"Content-Length: 9\r\n\r\nvllm",), 0.0, "did not answer"),
        ((b"HTTP/1.1 404 NO\r\nContent-Length: 0\r\n\r\n",), 0.0, "HTTP 404"),
        ((b"HTTP/1.1 307 GO\r\nLocation: /metrics\r\nContent-Length: 0\r\n\r\n",), 0.0, "HTTP 307"),
        ((OK + b"Content-Length: 4\r\n\r\n\xff\x00{}",), 0.0, "no metric that rayeval knows"),
        (
            (OK + b"Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",),
            0.0,
            "could not be read",
        ),
        ((b"nonsense secret-key-2\r\n\r\n",), 0.0, "could not be read"),
    ],
)
def test_a_hostile_page_is_a_note_within_the_time_limit(pieces, every_s, why):
    with hostile(*pieces, every_s=every_s) as (endpoint, _):
        found, seconds = looked(endpoint)
    assert (found.source, found.stats) == ("", {})
    assert why in found.note
    assert "secret-key-2" not in found.note
    assert seconds < 1.5


def test_an_endless_page_is_cut(monkeypatch):
    monkeypatch.setattr("rayeval.perf.server_metrics.MAX_PAGE", 10_000)
    with hostile(OK + b"\r\n", b"vllm:x 1\n" * 5000) as (endpoint, _):
        assert "longer than 10000 bytes" in looked(endpoint, 5.0)[0].note


def test_nobody_listening_is_a_note():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found, _ = looked(Endpoint(f"http://127.0.0.1:{port}/v1", "m"))
    assert found.source == ""
    assert "could not be read" in found.note


def test_a_watch_that_saw_no_before_says_so():
    assert (
        "not read before" in ServerWatch(Endpoint("http://127.0.0.1:9/v1", "m")).after(EMPTY).note
    )


def test_the_page_is_asked_at_the_root_with_the_key():
    with hostile(OK + b"Content-Length: 0\r\n\r\n") as (endpoint, heard):
        looked(endpoint)
    head = heard[0].decode().lower()
    assert head.startswith("get /metrics http/1.1\r\n")
    assert "authorization: bearer secret-key-2" in head
