"""内置服务的时间：从不早到，不漂移，真值与自证说的是同一件事。"""

import csv
import signal
import socket
import threading

import pytest

from rayeval.client.openai import OpenAIClient

pytestmark = pytest.mark.solo

MS = 1_000_000


def truth(path):
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("request_id",)
    return [{k: v if k in names else int(v) for k, v in row.items()} for row in rows]


def drive(mock, streams, tokens, **fields):
    """同时开几条流，读到底。"""

    def one(number):
        with OpenAIClient(mock.endpoint) as client:
            body = client.chat_body(
                [{"role": "user", "content": "hello"}],
                stream=True,
                max_tokens=tokens,
                ignore_eos=True,
                **fields,
            )
            done.append(client.stream("/chat/completions", body).done)

    done = []
    threads = [threading.Thread(target=one, args=(k,)) for k in range(streams)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * streams


def test_no_token_is_early_and_lateness_is_what_the_log_says(start_mock, tmp_path):
    log = tmp_path / "truth.csv"
    mock = start_mock("--ttft-ms", "30", "--itl-ms", "5", "--log", str(log), "--late-ms", "1000")
    drive(mock, 6, 40)
    stats = mock.stats()
    assert mock.stop() == 0
    rows = truth(log)
    assert len(rows) == 6
    for row in rows:
        first, last = row["t_first"] - row["t_req"], row["t_last"] - row["t_req"]
        assert first >= 30 * MS
        assert last >= (30 + 39 * 5) * MS
        assert last <= (30 + 39 * 5) * MS + row["late_max_ns"] + 5 * MS
        assert row["t_done"] >= row["t_last"]
        assert (row["tokens"], row["status"], row["stream"], row["chat"]) == (40, 200, 1, 1)
    assert stats["late_max_ms"] == pytest.approx(max(r["late_max_ns"] for r in rows) / MS)
    assert stats["paced_tokens"] == 240
    assert stats["kept_promise"]
    assert mock.stderr == ""


def test_a_whole_answer_comes_when_its_last_token_would(start_mock, tmp_path):
    log = tmp_path / "truth.csv"
    mock = start_mock("--ttft-ms", "20", "--itl-ms", "4", "--log", str(log))
    with OpenAIClient(mock.endpoint) as client:
        client.chat([{"role": "user", "content": "hi"}], max_tokens=11, ignore_eos=True)
    mock.stop()
    (row,) = truth(log)
    assert row["t_done"] - row["t_req"] >= 60 * MS
    assert (row["stream"], row["tokens"]) == (0, 11)


def test_the_role_chunk_comes_before_the_first_token(start_mock):
    mock = start_mock("--role-ms", "5", "--ttft-ms", "300")
    host, port = mock.root_url.removeprefix("http://").split(":")
    body = b'{"messages":[{"role":"user","content":"hi"}],"stream":true}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(
        body
    )
    with socket.create_connection((host, int(port)), timeout=20) as sock:
        sock.sendall(head + body)
        first = sock.recv(65536)
    assert b'"role":"assistant"' in first
    assert first.count(b"data: ") == 1


def test_a_promise_that_cannot_be_kept_is_confessed(start_mock):
    mock = start_mock("--itl-ms", "0.01", "--ttft-ms", "0.01", "--late-ms", "0.001")
    drive(mock, 2, 300)
    stats = mock.stats()
    assert not stats["kept_promise"]
    assert stats["late_p99_ms"] > 0.001
    mock.stop()
    assert "timing promise NOT kept" in mock.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_log_is_flushed_at_a_signal_with_every_kind_of_ending(start_mock, tmp_path, number):
    log = tmp_path / "truth.csv"
    mock = start_mock("--log", str(log))
    with OpenAIClient(mock.endpoint) as client:
        ask = [{"role": "user", "content": "hi"}]
        body = client.chat_body(ask)
        client.post("/chat/completions", body, headers={"X-Request-Id": "good"})
        client.post("/chat/completions", {**body, "n": 0}, headers={"X-Request-Id": "bad"})
        client.post("/completions", {"prompt": "a"}, headers={"X-Request-Id": "text"})
    mock.process.send_signal(number)
    assert mock.process.wait(20) == 0
    rows = truth(log)
    assert [(r["seq"], r["request_id"], r["status"], r["chat"]) for r in rows] == [
        (0, "good", 200, 1),
        (1, "bad", 400, 1),
        (2, "text", 200, 0),
    ]
    assert rows[1]["tokens"] == 0


def test_jitter_with_a_seed_repeats_itself(start_mock, tmp_path):
    spans = []
    for name in ("a.csv", "b.csv"):
        log = tmp_path / name
        flags = ("--itl-ms", "3", "--jitter", "lognormal:0.5", "--seed", "4", "--log", str(log))
        mock = start_mock(*flags)
        drive(mock, 1, 30)
        mock.stop()
        (row,) = truth(log)
        spans.append(
            (row["t_last"] - row["t_req"] - row["late_max_ns"], row["t_last"] - row["t_req"])
        )
    assert spans[0][0] <= spans[1][1]
    assert spans[1][0] <= spans[0][1]
