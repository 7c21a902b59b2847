"""压测单元测试的积木：拼 HTTP 回复、拼 SSE 块、拼请求行。"""

import json

import pyarrow as pa
import pytest

from rayeval.domain.load import Share, WorkerHealth
from rayeval.domain.perf import PerfSpec
from rayeval.domain.records import REQUESTS
from rayeval.domain.schedule import Slice
from rayeval.domain.service import Endpoint


class Wire:
    """服务那一侧要写的字节。"""

    CHUNKED = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    END = b"0\r\n\r\n"
    DONE = b"data: [DONE]\n\n"

    @staticmethod
    def chunk(body: bytes) -> bytes:
        return b"%x\r\n%s\r\n" % (len(body), body)

    @staticmethod
    def event(value: object) -> bytes:
        return b"data: " + json.dumps(value, ensure_ascii=False).encode() + b"\n\n"

    def delta(self, finish=None, **delta) -> bytes:
        return self.event({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    def usage(self, completion, prompt=7, **more) -> bytes:
        usage = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
        return self.event({"choices": [], "usage": usage})

    def reads(self, *events: tuple[float, bytes], end: bytes = END):
        """(时刻，SSE 字节) → 一次分块回复的读；头与第一个事件同时到。"""
        reads = [(stamp, self.chunk(body)) for stamp, body in events]
        first = reads[0][0] if reads else 0.0
        last = reads[-1][0] if reads else 0.0
        return [(first, self.CHUNKED), *reads, *([(last, end)] if end else [])]

    @staticmethod
    def plain(body: bytes, status="200 OK", head=b"") -> bytes:
        line = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n".encode()
        return line + head + b"\r\n" + body


@pytest.fixture(scope="session")
def wire() -> Wire:
    return Wire()


@pytest.fixture(scope="session")
def make_share():
    def make(worker=0, workers=1, epoch=0, salt="salt", **spec):
        spec = PerfSpec(
            **{
                "concurrency": (4,),
                "input_length": (32,),
                "output_length": (8,),
                "control_method": "queue",
                **spec,
            }
        )
        cell = spec.cells()[0]
        return Share(
            endpoint=Endpoint("http://127.0.0.1:9/v1", "mock"),
            cell=cell,
            spec=spec,
            schedule=Slice(spec.schedule(cell.concurrency), worker, workers),
            epoch=epoch,
            salt=salt,
        )

    return make


@pytest.fixture(scope="session")
def make_table():
    def make(*rows: dict):
        base = {
            "phase": "plateau",
            "epoch": 0,
            "worker": 0,
            "start_s": 0.0,
            "end_s": 1.0,
            "token_events": 0,
        }
        return pa.Table.from_pylist([base | row for row in rows], schema=REQUESTS)

    return make


@pytest.fixture(scope="session")
def make_health():
    def make(**changes):
        healthy = {
            "worker": 0,
            "node": "here",
            "wall_s": 10.0,
            "cpu_share": 0.2,
            "loop_lag_p99_s": 0.001,
            "loop_lag_max_s": 0.004,
            "permits_asked": 40.0,
            "permits_delivered": 39.9,
            "connections_opened": 4,
            "requests_issued": 64,
            "retries": 0,
            "clock": "read",
            "permits_peak": 4,
        }
        return WorkerHealth(**healthy | changes)

    return make
