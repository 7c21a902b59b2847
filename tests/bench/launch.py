"""起一个钉在核上的客户端进程，与它对话；一切等待都有时限。"""

from __future__ import annotations

import dataclasses
import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench.child import Job, Result, Row, read_result

ROOT = Path(__file__).parents[2]
CLIENTS = {
    "rayeval": "tests.bench.loader",
    "aiohttp": "tests.bench.client_aiohttp",
    "httpx": "tests.bench.client_httpx",
}
READY_LIMIT_S = 120.0
RUN_LIMIT_S = 180.0


class BenchError(Exception):
    """测不下去：哪个进程、怎么了、怎么办。"""


class Process:
    """一个客户端；`spawned` 是起它之前的 perf_counter。"""

    def __init__(self, client: str, job: Job, core: int) -> None:
        self._client = client
        self.spawned = time.perf_counter()
        self._process = subprocess.Popen(
            [sys.executable, "-m", CLIENTS[client]],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        os.sched_setaffinity(self._process.pid, {core})
        self._say(json.dumps(dataclasses.asdict(job)))

    def await_ready(self) -> None:
        assert self._process.stdout is not None
        readable, _, _ = select.select([self._process.stdout], [], [], READY_LIMIT_S)
        if not readable or self._process.stdout.readline().strip() != "ready":
            raise BenchError(f"{self._client}: did not become ready; its message is above")

    def go(self) -> None:
        self._say("go")

    def result(self) -> Result:
        try:
            out, _ = self._process.communicate(timeout=RUN_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise BenchError(
                f"{self._client}: still running after {RUN_LIMIT_S:.0f} s; lower --seconds"
            ) from None
        if self._process.returncode != 0 or not out:
            raise BenchError(f"{self._client}: ended with {self._process.returncode}, see above")
        return read_result(out)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()


@dataclasses.dataclass(frozen=True, slots=True)
class Measured:
    """一个或几个并行进程的结果；`spawned` 是起第一个之前的 perf_counter。"""

    results: tuple[Result, ...]
    service_cpu_s: float | None
    spawned: float

    @property
    def requests(self) -> int:
        return sum(result.requests for result in self.results)

    @property
    def wrong(self) -> int:
        return sum(result.wrong for result in self.results)

    @property
    def began(self) -> float:
        return min(result.began for result in self.results)

    @property
    def wall_s(self) -> float:
        """第一个 t0 到最后一个了结；几个进程取最长的。"""
        return max(result.wall_s for result in self.results)

    @property
    def made_s(self) -> float:
        """从开始到含义造好、表在手里。"""
        return max(result.made for result in self.results) - self.began

    @property
    def cpu_s(self) -> float:
        return sum(result.cpu_s for result in self.results)

    @property
    def rows(self) -> list[Row]:
        return [row for result in self.results for row in result.rows]

    @property
    def service_share(self) -> float | None:
        """服务占一核的份额。"""
        return None if self.service_cpu_s is None else self.service_cpu_s / self.made_s


def drive(
    client: str, jobs: Sequence[Job], cores: Sequence[int], cpu_s: Callable[[], float | None]
) -> Measured:
    """几份任务各在自己的核上一起开跑；`cpu_s` 给出服务至今用掉的 CPU 秒，没有则为 None。"""
    processes = []
    try:
        for job, core in zip(jobs, cores, strict=True):
            processes.append(Process(client, job, core))
        for process in processes:
            process.await_ready()
        before = cpu_s()
        for process in processes:
            process.go()
        results = tuple(process.result() for process in processes)
        after = cpu_s()
    finally:
        for process in processes:
            process.close()
    used = None if before is None or after is None else after - before
    return Measured(results, used, processes[0].spawned)
