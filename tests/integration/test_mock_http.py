"""内置服务的 HTTP：路由、保活、流水线、分块、断开、钥匙。"""

import csv
import itertools
import json
import socket
import time

import httpx
import pytest

CHAT = "/v1/chat/completions"
HELLO = {"messages": [{"role": "user", "content": "Say hello."}]}


@pytest.fixture
def web():
    with httpx.Client(trust_env=False, timeout=30) as client:
        yield client


def address(mock):
    host, port = mock.root_url.removeprefix("http://").split(":")
    return host, int(port)


def exchange(mock, data, *, until=b"", pieces=None):
    """发原始字节，读到对端关闭或见到 until。"""
    with socket.create_connection(address(mock), timeout=20) as sock:
        for piece in pieces or [data]:
            sock.sendall(piece)
        got = b""
        while not (until and until in got):
            part = sock.recv(65536)
            if not part:
                break
            got += part
        return got


def post(path, body, *headers, version="1.1"):
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"POST {path} HTTP/{version}", "Host: x", f"Content-Length: {len(payload)}", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + payload


def eventually(condition, limit_s=20.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "the condition never came true"
        time.sleep(0.005)


def test_health_models_version_and_tokenize(start_mock, web):
    mock = start_mock("--model", "one", "--model", "two", "--max-model-len", "99")
    assert web.get(mock.root_url + "/health").status_code == 200
    models = web.get(mock.base_url + "/models").json()["data"]
    assert [model["id"] for model in models] == ["one", "two"]
    assert web.get(mock.root_url + "/version").json()["engine"] == "rayeval-mock"
    reply = web.post(
        mock.root_url + "/tokenize", json={"model": "one", "prompt": "hello 你"}
    ).json()
    assert (reply["count"], reply["max_model_len"], len(reply["tokens"])) == (4, 99, 4)
    back = web.post(mock.root_url + "/detokenize", json={"tokens": reply["tokens"]}).json()
    assert back == {"prompt": "hello 你"}


def test_errors_have_the_shape_of_vllm(start_mock, web):
    mock = start_mock()
    cases = [
        ("POST", CHAT, b"{", 400),
        ("POST", CHAT, b"[1]", 400),
        ("POST", CHAT, b'{"messages": [{"role": "user", "content": "\\ud800"}]}', 400),
        ("POST", CHAT, b'{"temperature": NaN}', 400),
        ("POST", CHAT, json.dumps({**HELLO, "model": "x"}).encode(), 404),
        ("GET", "/nope", None, 404),
        ("GET", CHAT, None, 405),
        ("DELETE", "/health", None, 405),
    ]
    for method, path, content, status in cases:
        reply = web.request(method, mock.root_url + path, content=content)
        error = reply.json()["error"]
        assert (reply.status_code, error["code"]) == (status, status), reply.text
        assert set(error) == {"message", "type", "param", "code"}
    stats = mock.stats()
    assert (stats["issued"], stats["refused"], stats["in_flight"]) == (5, 5, 0)
    assert mock.stderr == ""


def test_a_key_guards_the_interface_but_not_health(start_mock, web):
    mock = start_mock("--api-key", "sesame")
    assert web.get(mock.root_url + "/health").status_code == 200
    for header in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "sesame"}):
        reply = web.post(mock.root_url + CHAT, json=HELLO, headers=header)
        assert (reply.status_code, reply.json()) == (401, {"error": "Unauthorized"})
        assert web.get(mock.base_url + "/models", headers=header).status_code == 401
    good = {"Authorization": "Bearer sesame"}
    assert web.post(mock.root_url + CHAT, json=HELLO, headers=good).status_code == 200
    mock.stop()
    assert "sesame" not in mock.stderr


def test_a_connection_is_kept_and_the_request_id_comes_back(start_mock, web):
    mock = start_mock()
    for number in range(5):
        headers = {"X-Request-Id": f"r{number}"}
        reply = web.post(mock.root_url + CHAT, json=HELLO, headers=headers)
        assert reply.headers["x-request-id"] == f"r{number}"
    assert mock.stats()["connections"] == 2


def test_pipelined_requests_are_answered_in_order_each_in_its_own_time(start_mock, tmp_path):
    log = tmp_path / "truth.csv"
    mock = start_mock("--ttft-ms", "20", "--log", str(log))
    bodies = [{"messages": [{"role": "user", "content": f"Say {word}."}]} for word in "abc"]
    last = post(CHAT, bodies[2], "Connection: close")
    got = exchange(mock, post(CHAT, bodies[0]) + post(CHAT, bodies[1]) + last)
    positions = [got.index(f'"content":"{word}"'.encode()) for word in "abc"]
    assert positions == sorted(positions)
    assert mock.stats()["max_in_flight"] == 1
    mock.stop()
    done = [int(row["t_done"]) for row in csv.DictReader(log.read_text().splitlines())]
    assert all(b - a >= 20_000_000 for a, b in itertools.pairwise(done))


@pytest.mark.parametrize("size", [1, 7])
def test_bytes_may_come_in_any_portions(start_mock, size):
    mock = start_mock()
    data = post(CHAT, HELLO, "Connection: close")
    pieces = [data[k : k + size] for k in range(0, len(data), size)]
    assert b'"content":"hello"' in exchange(mock, b"", pieces=pieces)


def test_a_chunked_request_body_is_understood(start_mock):
    mock = start_mock()
    payload = json.dumps(HELLO).encode()
    head = f"POST {CHAT} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"
    halves = payload[:10], payload[10:]
    body = b"".join(b"%x\r\n%b\r\n" % (len(half), half) for half in halves) + b"0\r\n\r\n"
    assert b'"content":"hello"' in exchange(mock, head.encode() + b"\r\n" + body)


def test_a_client_that_waits_for_permission_gets_it(start_mock):
    mock = start_mock()
    data = post(CHAT, HELLO, "Expect: 100-continue", "Connection: close")
    head, _, payload = data.partition(b"\r\n\r\n")
    with socket.create_connection(address(mock), timeout=20) as sock:
        sock.sendall(head + b"\r\n\r\n")
        assert sock.recv(1024) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(payload)
        assert sock.recv(1024).startswith(b"HTTP/1.1 200 OK")


def test_an_old_client_gets_a_stream_without_chunks(start_mock):
    mock = start_mock("--itl-ms", "1")
    got = exchange(mock, post(CHAT, {**HELLO, "stream": True}, version="1.0"))
    head, _, body = got.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert body.startswith(b"data: {")
    assert body.endswith(b"data: [DONE]\n\n")


def test_what_is_not_http_is_answered_400_and_closed(start_mock):
    mock = start_mock()
    assert exchange(mock, b"SSH-2.0-hello\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request")


def test_a_client_that_leaves_ends_its_generation(start_mock):
    mock = start_mock("--itl-ms", "5")
    long = {**HELLO, "stream": True, "ignore_eos": True, "max_tokens": 20_000}
    got = exchange(mock, post(CHAT, long), until=b"content")
    assert b"200 OK" in got
    eventually(lambda: mock.stats()["aborted"] == 1)
    stats = mock.stats()
    assert (stats["in_flight"], stats["done"]) == (0, 0)
    assert 0 < stats["tokens"] < 20_000


def test_a_client_that_leaves_before_a_whole_answer_counts_as_aborted(start_mock):
    mock = start_mock("--ttft-ms", "60000")
    with socket.create_connection(address(mock), timeout=20) as sock:
        sock.sendall(post(CHAT, HELLO))
        eventually(lambda: mock.stats()["in_flight"] == 1)
    eventually(lambda: mock.stats()["aborted"] == 1)


def test_metrics_carry_the_names_of_vllm(start_mock, web):
    mock = start_mock("--ttft-ms", "5", "--itl-ms", "60")  # 忙时迟到的几步会并成一步
    streamed = {**HELLO, "stream": True, "ignore_eos": True, "max_tokens": 8}
    web.post(mock.root_url + CHAT, json=streamed)
    web.post(mock.root_url + CHAT, json={**HELLO, "max_tokens": 1})
    page = web.get(mock.root_url + "/metrics").text
    labels = 'engine="0",model_name="mock"'
    for line in (
        f"vllm:num_requests_running{{{labels}}} 0",
        f"vllm:generation_tokens_total{{{labels}}} 9",
        f"vllm:time_to_first_token_seconds_count{{{labels}}} 1",
        f"vllm:time_per_output_token_seconds_count{{{labels}}} 7",
        f"vllm:e2e_request_latency_seconds_count{{{labels}}} 2",
        f'vllm:request_success_total{{finished_reason="length",{labels}}} 2',
    ):
        assert line in page.splitlines()


def test_a_taken_port_is_a_clear_error(start_mock, tmp_path):
    mock = start_mock()
    _, port = address(mock)
    with pytest.raises(AssertionError, match="choose another --port"):
        start_mock("--port", str(port))


def test_an_answer_key_that_is_missing_is_a_clear_error(start_mock, tmp_path):
    with pytest.raises(AssertionError, match=r"nowhere\.csv"):
        start_mock("--answer-key", str(tmp_path / "nowhere.csv"))
