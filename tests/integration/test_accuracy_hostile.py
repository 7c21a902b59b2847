"""分片面对一个照剧本使坏的服务：每种毛病都成为数据，分片总能走完。"""

import contextlib
import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rayeval.accuracy import ask, attempt, gpqa, prompt
from rayeval.accuracy.aggregate import aggregate
from rayeval.accuracy.shard import answer_shard
from rayeval.accuracy.shards import make_shards
from rayeval.domain.accuracy import AccuracySpec, Exam
from rayeval.domain.service import Endpoint

SAMPLE = Path(__file__).parents[2] / "configs/demo/science_sample.csv"


class Trickster(ThreadingHTTPServer):
    """按题面轮流使坏：第一次与其后各有一种回应；`gate` 关着时一律不答。"""

    daemon_threads = True

    def __init__(self, turns):
        super().__init__(("127.0.0.1", 0), Handler)
        self.turns = turns
        self.seen = Counter()
        self.lock = threading.Lock()
        self.gate = threading.Event()
        self.gate.set()
        self.arrived = threading.Semaphore(0)

    def next_turn(self, question):
        with self.lock:
            self.seen[question] += 1
            turns = self.turns[list(self.seen).index(question) % len(self.turns)]
            return turns[min(self.seen[question], len(turns)) - 1]

    def handle_error(self, request, client_address):
        """客户端先走是剧本的一部分。"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.arrived.release()
        self.server.gate.wait(30)
        status, headers, text = self.server.next_turn(body["messages"][-1]["content"])
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        data = text.encode()
        cut = headers.get("X-Cut")
        self.send_header("Content-Length", str(len(data) + (100 if cut else 0)))
        self.end_headers()
        if "X-Drip" in headers:
            self.drip(data)
            return
        self.wfile.write(data)
        if cut:
            self.close_connection = True

    def drip(self, data):
        """一个字节一个字节地挤。"""
        with contextlib.suppress(OSError):
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(0.05)

    def log_message(self, *args):
        """安静。"""


@pytest.fixture
def trickster():
    servers = []

    def serve(server):
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        servers.append((server, thread))
        return server

    def start(*turns):
        return serve(Trickster(turns))

    start.serve = serve
    yield start
    for server, thread in servers:
        server.gate.set()
        server.shutdown()
        thread.join()
        server.server_close()


def said(content, **message):
    choice = {"index": 0, "message": {"content": content, **message}, "finish_reason": "stop"}
    return 200, {}, json.dumps({"choices": [choice]})


def shard_at(server, items=None, **fields):
    fields = {"threads": 4, "timeout_s": 20, "shards": 1, **fields}
    spec = AccuracySpec(dataset=str(SAMPLE), dataset_name="science_sample", **fields)
    endpoint = Endpoint(f"http://127.0.0.1:{server.server_port}/v1", "m")
    chosen = gpqa.load_items(spec, SAMPLE.read_bytes())[:items]
    return make_shards(chosen, spec, endpoint, template=prompt.OWN)[0]


@pytest.fixture
def quick(monkeypatch):
    """退避照算，只是缩小：这里看的是次数与分类。"""
    monkeypatch.setattr(ask, "FIRST_BACKOFF_S", 0.01)


def test_every_kind_of_trouble_is_counted_and_the_shard_ends(trickster, quick):
    good = said("Answer: A")
    server = trickster(
        [(429, {"Retry-After": "0.01"}, "busy"), good],
        [(500, {}, "{}"), (503, {}, "text"), good],
        [(200, {"X-Cut": "1"}, '{"choices"'), good],
        [said(None)],
        [said(None, reasoning="Answer: B")],
        [(400, {}, '{"detail": [{"input": "odd"}]}')],
        [(200, {}, "not json")],
        [(500, {}, "always")],
    )
    shard = shard_at(server, 8, threads=1, max_retries=2)
    answers = sorted(answer_shard(shard), key=lambda answer: answer.index)
    assert [answer.attempts for answer in answers] == [2, 3, 2, 1, 1, 1, 1, 3]
    assert [answer.error_class for answer in answers] == [
        None,
        None,
        None,
        None,
        None,
        "http_4xx",
        "bad_json",
        "http_5xx",
    ]
    result = aggregate(answers, shard.spec, Exam(shard.items, "", "rayeval"))
    assert result.error_ratio == 3 / 8
    assert result.unparsed_ratio == 2 / 8
    assert not result.valid
    assert dict(result.outcomes) == {
        "parsed": 3,
        "empty": 1,
        "reasoning_only": 1,
        "http_4xx": 1,
        "bad_json": 1,
        "http_5xx": 1,
    }


def test_a_service_that_is_gone_is_data_too(trickster, quick):
    server = trickster([said("Answer: A")])
    shard = shard_at(server, 2, max_retries=1)
    server.shutdown()
    server.server_close()
    answers = list(answer_shard(shard))
    assert {answer.error_class for answer in answers} == {"connect"}
    assert {answer.attempts for answer in answers} == {2}


def test_closing_the_generator_sends_nothing_more_and_returns_soon(trickster):
    server = trickster([said("Answer: A")])
    answers = answer_shard(shard_at(server, threads=2))
    next(answers)
    server.gate.clear()
    while server.arrived.acquire(blocking=False):
        pass
    closer = threading.Thread(target=answers.close)
    closer.start()
    closer.join(5)
    assert not closer.is_alive()
    server.gate.set()
    assert sum(server.seen.values()) < 30


def test_closing_the_generator_ends_a_long_back_off(trickster):
    server = trickster([said("Answer: A")], [(503, {"Retry-After": "60"}, "later")])
    answers = answer_shard(shard_at(server, 2, threads=2))
    next(answers)
    for _ in range(2):
        assert server.arrived.acquire(timeout=10)
    answers.close()
    assert not [t.name for t in threading.enumerate() if t.name.startswith("shard-")]


def test_requests_in_flight_are_as_many_as_the_threads(trickster):
    server = trickster([said("Answer: A")])
    server.gate.clear()
    shard = shard_at(server, threads=3)
    got = []
    reader = threading.Thread(target=lambda: got.extend(answer_shard(shard)))
    reader.start()
    for _ in range(3):
        assert server.arrived.acquire(timeout=10)
    assert not server.arrived.acquire(timeout=0.2)
    server.gate.set()
    reader.join(20)
    assert len(got) == len(shard.items)


def test_our_own_fault_is_raised_not_scored(trickster, monkeypatch):
    monkeypatch.setattr(attempt, "from_body", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        list(answer_shard(shard_at(trickster([said("Answer: A")]), 3)))


def test_a_reply_that_never_gets_done_is_a_timeout(trickster):
    status, _, text = said("Answer: A" + " " * 200)
    server = trickster([(status, {"X-Drip": "1"}, text)])
    [answer] = answer_shard(shard_at(server, 1, timeout_s=0.3, max_retries=0))
    assert (answer.error_class, answer.error_message) == ("timeout", "ReadTimeout")
    assert answer.duration_s < 5


class Narrow(Trickster):
    """同时只肯答四个，再多就 429。"""

    def __init__(self):
        super().__init__(([(0, {}, "")],))
        self.inside = self.refused = 0

    def next_turn(self, question):
        with self.lock:
            if self.inside >= 4:
                self.refused += 1
                return 429, {"Retry-After": "0.02"}, '{"error": {"message": "slow down"}}'
            self.inside += 1
        time.sleep(0.02)  # 答一题要的工夫
        with self.lock:
            self.inside -= 1
        return said("Answer: A")


def test_a_service_that_refuses_more_than_it_can_take_is_asked_less(trickster, quick):
    server = trickster.serve(Narrow())
    shard = shard_at(server, threads=24, max_retries=8, n_repeats=6)
    answers = list(answer_shard(shard))
    assert {answer.error_class for answer in answers} == {None}
    assert sum(answer.rate_limited for answer in answers) == server.refused
    assert 0 < server.refused < len(answers)
