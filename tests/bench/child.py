"""一个客户端进程的一生：读任务、备好、说 ready、等 go、跑、把结果写成一行 JSON。

两头都用这里的名词：父进程在 launch.py，客户端在 loader.py 与两份对照。
"""

from __future__ import annotations

import dataclasses
import json
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple, Protocol


@dataclasses.dataclass(frozen=True, slots=True)
class Job:
    """一次负载；`salt` 使请求号独一无二，`rows` 为真时结果带着逐请求的行。"""

    base_url: str
    model: str
    streams: int
    requests: int
    tokens: int
    salt: str
    worker: int = 0
    workers: int = 1
    rows: bool = False


class Row(NamedTuple):
    """客户端眼里的一个请求；`span_s` 是首末 token 事件之间，失败时 `ttft_s` 为 None。

    `start_s` 与 `end_s` 出自同一个起点，只可相减。
    """

    request_id: str
    start_s: float
    end_s: float
    ttft_s: float | None
    span_s: float
    events: int
    completion_tokens: int | None

    def as_asked(self, tokens: int) -> bool:
        return self.ttft_s is not None and self.completion_tokens in (None, tokens)


class Client(Protocol):
    """prepare 与 rows 不计时；run 与 collect 计时，含义在 collect 结束时必须已经造好。"""

    def prepare(self, job: Job) -> None: ...
    def run(self) -> None: ...
    def collect(self) -> None: ...
    def rows(self) -> list[Row]: ...


@dataclasses.dataclass(frozen=True, slots=True)
class Result:
    """时刻是 perf_counter 秒（全机同一只钟），内存是字节。

    `wall_s` 是第一个 t0 到最后一个了结；`made` 是含义造好、结果在手的时刻。
    """

    began: float
    made: float
    wall_s: float
    cpu_s: float
    requests: int
    wrong: int
    rss: dict[str, int]
    rows: list[Row]


def play(client: Client) -> None:
    rss = {"start": memory("VmRSS")}
    job = Job(**json.loads(sys.stdin.readline()))
    client.prepare(job)
    rss["prepared"] = memory("VmRSS")
    print("ready", flush=True)
    sys.stdin.readline()
    began, cpu = time.perf_counter(), time.process_time()
    client.run()
    client.collect()
    made, cpu_s = time.perf_counter(), time.process_time() - cpu
    rss["collected"], rss["peak"] = memory("VmRSS"), memory("VmHWM")
    rows = client.rows()
    wrong = sum(not row.as_asked(job.tokens) for row in rows)
    kept = rows if job.rows else []
    wall_s = max(row.end_s for row in rows) - min(row.start_s for row in rows)
    result = Result(began, made, wall_s, cpu_s, len(rows), wrong, rss, kept)
    print(json.dumps(dataclasses.asdict(result)), flush=True)


def read_result(line: str) -> Result:
    values: dict[str, Any] = json.loads(line)
    return Result(**values | {"rows": [Row(*row) for row in values["rows"]]})


def memory(name: str) -> int:
    """VmRSS（此刻）或 VmHWM（本程序的峰值；ru_maxrss 会把 exec 之前父进程的也算上）。"""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise LookupError(f"/proc/self/status has no {name}; the bench needs Linux")
