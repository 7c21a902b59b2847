"""压测者对着脚本服务：每种结局的种类、连接的去留、在途的上限。"""

from __future__ import annotations

import asyncio
import dataclasses
import gzip
import itertools
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from rayeval.domain.load import Share
from rayeval.domain.perf import ClimbSpec, PerfSpec
from rayeval.domain.schedule import Slice
from rayeval.domain.service import Endpoint
from rayeval.perf.certificate import certify
from rayeval.perf.reading import Reading
from rayeval.perf.worker import LoadWorker

pytestmark = pytest.mark.solo

BODY = (
    b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{"content":"hi"}}]}\n\n'
    b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":1}}\n\ndata: [DONE]\n\n'
)
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GOOD = CHUNKED + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@dataclasses.dataclass
class Ask:
    """服务收到的一个请求：总第几个、本连接第几个、第几条连接、头、体。"""

    number: int
    turn: int
    connection: int
    head: bytes
    body: dict
    writer: asyncio.StreamWriter


Script = Callable[[Ask], Awaitable[None]]


async def good(ask: Ask) -> None:
    ask.writer.write(GOOD)


class Server:
    """按脚本回答的服务；数请求、连接与在途。"""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.asks = 0
        self.connections = 0
        self.in_flight = 0
        self.levels: list[tuple[float, int]] = []
        self.heads: list[bytes] = []
        self.port = 0

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        connection, turn = self.connections, 0
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                turn += 1
                self.asks += 1
                self.heads.append(head)
                self.level(+1)
                try:
                    await self.script(Ask(self.asks, turn, connection, head, body, writer))
                finally:
                    self.level(-1)
                await writer.drain()
                if writer.is_closing():
                    return
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass  # 对端走了，或测试结束了
        finally:
            writer.close()

    def level(self, step: int) -> None:
        self.in_flight += step
        self.levels.append((time.monotonic(), self.in_flight))


@contextmanager
def serving(script: Script, host: str = "127.0.0.1", tls=None) -> Iterator[Server]:
    server, loop, stop = Server(script), asyncio.new_event_loop(), asyncio.Event()
    ready = threading.Event()

    async def serve() -> None:
        listener = await asyncio.start_server(server.talk, host, 0, ssl=tls, backlog=512)
        server.port = listener.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        listener.close()
        talks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in talks:
            task.cancel()
        await asyncio.gather(*talks, return_exceptions=True)
        await asyncio.sleep(0.01)  # 让关掉的连接收尾

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def make_share(base_url: str, worker: int = 0, workers: int = 1, **changes) -> Share:
    endpoint = changes.pop("endpoint", Endpoint(base_url, "m"))
    permits, number = changes.pop("permits", 2), changes.pop("number", 6)
    spec = PerfSpec(
        **{
            "concurrency": (permits,),
            "num_requests": (number,),
            "input_length": (16,),
            "output_length": (4,),
            "control_method": "queue",
            "timeout_s": 20,
            **changes,
        }
    )
    schedule = Slice(spec.schedule(permits), worker, workers)
    return Share(endpoint, spec.cells()[0], spec, schedule, epoch=0, salt="s")


@pytest.fixture
def worker() -> Iterator[LoadWorker]:
    worker = LoadWorker()
    yield worker
    worker.close()


def measure(worker: LoadWorker, share: Share):
    worker.prepare(share)
    worker.run()
    haul = worker.collect()
    assert worker.counters().in_flight == 0
    return haul.requests.to_pylist(), haul


def ask(worker: LoadWorker, script: Script, **changes):
    with serving(script) as server:
        rows, haul = measure(worker, make_share(f"http://127.0.0.1:{server.port}/v1", **changes))
    return rows, haul, server


def classes(rows) -> set:
    return {row["error_class"] for row in rows}


def test_connections_are_opened_ahead_and_reused(worker):
    rows, haul, server = ask(worker, good, permits=3, number=30)
    assert len(rows) == 30
    assert classes(rows) == {None}
    assert (server.connections, haul.health.connections_opened) == (3, 3)
    assert sum(row["connection_reused"] for row in rows) == 27
    assert certify([haul]).workers[0].permits_peak == 3


def test_the_request_id_travels_with_the_request(worker):
    rows, _, server = ask(worker, good)
    sent = {head.split(b"X-Request-Id: ")[1].split(b"\r\n")[0].decode() for head in server.heads}
    assert sent == {row["request_id"] for row in rows}
    assert len(sent) == 6


def test_a_connection_that_was_silently_closed_is_retried_once_and_counted(worker):
    async def script(ask: Ask) -> None:
        ask.writer.close() if ask.turn == 2 else ask.writer.write(GOOD)

    rows, haul, _ = ask(worker, script, permits=1, number=4)
    assert classes(rows) == {None}
    assert [row["retries"] for row in rows] == [0, 1, 1, 1]
    assert haul.health.retries == 3
    assert haul.health.connections_opened - haul.health.connections_dropped <= 1


def test_a_service_that_never_answers_is_asked_twice_and_no_more(worker):
    async def script(ask: Ask) -> None:
        ask.writer.close()

    rows, _, server = ask(worker, script, permits=1, number=1)
    assert [(row["error_class"], row["retries"]) for row in rows] == [("reset", 1)]
    assert server.asks == 2


def test_an_answer_that_began_is_not_asked_again(worker):
    async def script(ask: Ask) -> None:
        ask.writer.write(GOOD[:20])
        await ask.writer.drain()
        ask.writer.close()

    rows, _, server = ask(worker, script, permits=1, number=2)
    assert (classes(rows), server.asks) == ({"reset"}, 2)
    assert {row["retries"] for row in rows} == {0}


def close_after(data: bytes) -> Script:
    async def script(ask: Ask) -> None:
        ask.writer.write(data)
        await ask.writer.drain()
        ask.writer.close()

    return script


def write(data: bytes) -> Script:
    async def script(ask: Ask) -> None:
        ask.writer.write(data)

    return script


async def abort_in_mid_stream(ask: Ask) -> None:
    ask.writer.write(CHUNKED + b"5\r\ndata:\r\n")
    await ask.writer.drain()
    sock = ask.writer.get_extra_info("socket")
    linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    ask.writer.transport.abort()


async def drip(ask: Ask) -> None:
    for n in range(0, len(GOOD), 7):
        ask.writer.write(GOOD[n : n + 7])
        await ask.writer.drain()


ZIPPED = gzip.compress(BODY)
WHOLE = json.dumps(
    {"choices": [{"message": {"content": "x"}, "finish_reason": "stop"}], "usage": {}}
).encode()


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (close_after(HEAD + b"Connection: close\r\n\r\n" + BODY), None),
        (write(b"HTTP/1.1 100 Continue\r\n\r\n" + GOOD), None),
        (write(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY), None),
        (
            write(
                HEAD
                + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(ZIPPED)
                + ZIPPED
            ),
            None,
        ),
        (write(HEAD + b"Content-Length: %d\r\n\r\n" % len(WHOLE) + WHOLE), None),
        (drip, None),
        (close_after(GOOD[:-60]), "incomplete"),
        (abort_in_mid_stream, "reset"),
        (write(b"garbage\r\n\r\n"), "bad_http"),
        (write(CHUNKED + b"5\r\ntoo long\r\n0\r\n\r\n"), "bad_http"),
        (write(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy"), "http_5xx"),
        (write(b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"), "http_4xx"),
        (write(HEAD + b"Content-Length: 0\r\n\r\n"), "incomplete"),
        (write(HEAD + b"Content-Length: 14\r\n\r\ndata: [DONE]\n\n"), "no_tokens"),
    ],
)
def test_every_answer_gets_its_class_and_the_cell_ends(worker, script, expected):
    rows, _, _ = ask(worker, script)
    assert len(rows) == 6
    assert classes(rows) == {expected}


def test_a_hanging_answer_times_out_and_the_next_goes_on(worker):
    async def script(ask: Ask) -> None:
        if ask.number == 1:
            ask.writer.write(CHUNKED)
            await ask.writer.drain()
            await asyncio.sleep(60)
        ask.writer.write(GOOD)

    rows, haul, _ = ask(worker, script, permits=1, number=3, timeout_s=0.4)
    assert sorted(str(row["error_class"]) for row in rows) == ["None", "None", "timeout"]
    late = next(row for row in rows if row["error_class"])
    assert 0.3 < late["end_s"] - late["start_s"] < 1.5
    assert late["e2e_s"] is None
    assert haul.health.requests_issued == 3


def test_nobody_there_is_a_connect_failure_and_not_an_exception(worker):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/v1"
        rows, _ = measure(worker, make_share(url))
    assert classes(rows) == {"connect"}
    assert "check base_url" in rows[0]["error_message"]


def test_a_straggler_holds_nobody_back(worker):
    async def script(ask: Ask) -> None:
        await asyncio.sleep(1.0 if ask.number == 1 else 0.02)
        ask.writer.write(GOOD)

    rows, _, server = ask(worker, script, permits=4, number=80)
    straggler = max(rows, key=lambda row: row["e2e_s"])
    beside = [row for row in rows if row["end_s"] < straggler["end_s"]]
    assert len(beside) > 60
    assert max(level for _, level in server.levels) == 4


def test_in_flight_never_exceeds_the_permits_over_workers_and_steps():
    async def script(ask: Ask) -> None:
        await asyncio.sleep(0.03)
        ask.writer.write(GOOD)

    climb = ClimbSpec(growth_rate=2, growth_interval=200, init_concurrency=2)
    changes = {"permits": 8, "number": 160, "control_method": "climb", "climb": climb}
    workers = [LoadWorker(), LoadWorker()]
    with serving(script) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        shares = [make_share(url, n, 2, **changes) for n in range(2)]
        for load, share in zip(workers, shares, strict=True):
            load.prepare(share)
        begin = time.monotonic()
        threads = [threading.Thread(target=load.run) for load in workers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    whole = shares[0].schedule.whole
    assert all(level <= whole.permits_at(at - begin) for at, level in server.levels)
    assert max(level for _, level in server.levels) == 8
    rows = [row for load in workers for row in load.collect().requests.to_pylist()]
    assert sorted(row["index"] for row in rows) == list(range(160))
    assert {row["phase"] for row in rows} == {"ramp", "plateau"}
    for load in workers:
        load.close()


def test_warmup_goes_first_and_is_marked(worker):
    rows, _, _ = ask(worker, good, permits=2, number=4, warmup=3)
    assert [row["phase"] for row in rows].count("warmup") == 3
    warm = [row["start_s"] for row in rows if row["phase"] == "warmup"]
    assert max(warm) <= min(row["start_s"] for row in rows if row["phase"] != "warmup")
    assert len({row["request_id"] for row in rows}) == 7


def test_cancelling_returns_what_was_done_and_marks_what_was_cut(worker):
    stuck = threading.Event()

    async def script(ask: Ask) -> None:
        if ask.number == 6:  # 有了第六个，前四个必已了结
            stuck.set()
        if ask.number > 4:
            await asyncio.sleep(60)
        ask.writer.write(GOOD)

    with serving(script) as server:
        worker.prepare(make_share(f"http://127.0.0.1:{server.port}/v1", permits=2, number=50))
        thread = threading.Thread(target=worker.run)
        thread.start()
        assert stuck.wait(10)
        worker.cancel()
        thread.join(10)
        assert not thread.is_alive()
    found = [row["error_class"] for row in worker.collect().requests.to_pylist()]
    assert sorted(map(str, found)) == ["None"] * 4 + ["cancelled"] * 2


def test_a_cancel_before_the_run_issues_nothing_and_the_next_share_is_fresh(worker):
    with serving(good) as server:
        share = make_share(f"http://127.0.0.1:{server.port}/v1")
        worker.prepare(share)
        worker.cancel()
        worker.run()
        assert worker.collect().requests.num_rows == 0
        assert len(measure(worker, share)[0]) == 6


def test_the_worker_serves_cell_after_cell_on_the_same_connections(worker):
    with serving(good) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        for permits in (2, 4, 1):
            rows, haul = measure(worker, make_share(url, permits=permits, number=8))
            assert len(rows) == 8
            assert certify([haul]).workers[0].connections_opened <= permits
        assert server.connections == 4


def test_our_own_key_never_comes_back_in_a_row(worker):
    async def script(ask: Ask) -> None:
        key = ask.head.split(b"Authorization: Bearer ")[1].split(b"\r\n")[0]
        body = b'{"error": {"message": "bad key %s"}}' % key
        ask.writer.write(b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    with serving(script) as server:
        url = f"http://127.0.0.1:{server.port}/v1"
        endpoint = Endpoint(url, "m", SecretStr("sk-very-secret"))
        rows, haul = measure(worker, make_share(url, endpoint=endpoint))
    assert {row["error_message"] for row in rows} == {"bad key **********"}
    assert "sk-very-secret" not in repr(haul) + repr(rows)


def test_a_base_url_with_a_path_over_ipv6(worker):
    with serving(good, host="::1") as server:
        rows, _ = measure(worker, make_share(f"http://[::1]:{server.port}/deep/path/v1"))
    assert classes(rows) == {None}
    assert server.heads[0].startswith(b"POST /deep/path/v1/chat/completions HTTP/1.1\r\n")
    assert f"Host: [::1]:{server.port}\r\n".encode() in server.heads[0]


@pytest.fixture(scope="module")
def certificate_files(tmp_path_factory) -> tuple[Path, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    argv += ["-nodes", "-days", "2", "-subj", "/CN=localhost", "-keyout", str(key)]
    argv += ["-out", str(cert), "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    subprocess.run(argv, check=True, capture_output=True)
    return cert, key


def test_tls_is_verified(worker, certificate_files, monkeypatch):
    cert, key = certificate_files
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    with serving(good, tls=context) as server:
        share = make_share(f"https://127.0.0.1:{server.port}/v1")
        rows, _ = measure(worker, share)
        assert classes(rows) == {"connect"}
        assert "SSL_CERT_FILE" in rows[0]["error_message"]
        monkeypatch.setenv("SSL_CERT_FILE", str(cert))
        trusting = LoadWorker()
        rows, haul = measure(trusting, share)
        trusting.close()
    assert classes(rows) == {None}
    assert haul.health.connections_opened == 2


def test_a_stall_of_fifty_milliseconds_fails_the_certificate(worker, monkeypatch):
    reads = itertools.count()
    feed = Reading.feed

    def stalled(reading, stamp_s, data):
        if next(reads) == 10:
            time.sleep(0.05)
        feed(reading, stamp_s, data)

    async def script(ask: Ask) -> None:
        await asyncio.sleep(0.03)
        ask.writer.write(GOOD)

    _, haul, _ = ask(worker, script, permits=2, number=20)
    assert certify([haul]).ok
    monkeypatch.setattr(Reading, "feed", stalled)
    _, haul, _ = ask(worker, script, permits=2, number=20)
    found = certify([haul])
    assert not found.ok
    assert any("stalled" in reason for reason in found.reasons)


def test_nothing_leaks(worker):
    def descriptors() -> int:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())

    load = LoadWorker()
    before = descriptors()
    for script in (good, abort_in_mid_stream, close_after(GOOD[:50])):
        ask(load, script, permits=8, number=32)
    load.close()
    assert descriptors() <= before
