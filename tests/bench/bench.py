"""一次基准的上下文：对谁、在哪些核上、几遍、多久；以及一次测量。"""

from __future__ import annotations

import sys
import threading
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.child import Job
from tests.bench.launch import BenchError, Measured, drive
from tests.bench.service import Given, Launched, Promise
from tests.bench.truth import Truth, read_truth

TRUTH_LIMIT_S = 120.0
BUSY = 0.9


@dataclass(frozen=True, slots=True)
class Trial:
    """一次测量，与服务自己的说法（没有为 None）。"""

    measured: Measured
    truth: Mapping[str, Truth] | None


@dataclass(slots=True)
class Bench:
    """`cores` 是客户端可用的核，不含服务的那个。"""

    service: Given | Launched
    model: str
    cores: list[int]
    repeats: int
    seconds: float
    quick: bool
    late_truth: Path | None = None
    began: float = field(default_factory=time.time)

    def say(self, message: str) -> None:
        print(f"bench: {message}", file=sys.stderr, flush=True)

    def rounds(self, name: str, limit: int | None = None) -> range:
        """交错的各轮；limit 是最多几轮。"""
        count = min(self.repeats, limit or self.repeats)
        self.say(f"{name}, {count} rounds")
        return range(count)

    def measure(
        self,
        client: str,
        promise: Promise,
        *,
        streams: int,
        requests: int,
        tokens: int,
        rows: bool = False,
        workers: int = 1,
    ) -> Trial:
        """起服务、压一次、停服务。"""
        with self.service.serve(promise) as running:
            salt = uuid.uuid4().hex[:12]
            jobs = [
                Job(running.base_url, self.model, streams, requests, tokens, salt, n, workers, rows)
                for n in range(workers)
            ]
            measured = drive(client, jobs, self.cores[:workers], running.cpu_s)
        return Trial(measured, running.truth)

    def await_truth(self, wanted: Collection[str]) -> Mapping[str, Truth]:
        """--truth 里的真值；等到 wanted 都在里面，或时限到。"""
        path = self.late_truth
        if path is None:
            return {}
        found: Mapping[str, Truth] = {}
        self.say(f"stop the service now; waiting until {path} holds its truth")
        deadline, pause = time.monotonic() + TRUTH_LIMIT_S, threading.Event()
        while time.monotonic() < deadline:
            if path.exists() and path.stat().st_mtime >= self.began:
                found = read_truth(path)
                if all(name in found for name in wanted):
                    return found
            pause.wait(0.5)
        if not found:
            raise BenchError(f"{path}: no truth came; stop the service while the bench waits")
        self.say(f"{path}: some requests are missing in it")
        return found


def limits(trials: Mapping[str, list[Trial]]) -> list[str]:
    """服务自己占满了核的，说出来：那时量到的是它。"""
    found = []
    for name, several in trials.items():
        shares = [share for trial in several if (share := trial.measured.service_share)]
        if shares and sorted(shares)[len(shares) // 2] > BUSY:
            found.append(name)
    if not found:
        return []
    who = ", ".join(found)
    return [f"The service was the limit for {who}: it filled its core, so read the CPU column."]
