"""起步与内存：从回车到第一个请求要多久，一个请求要几个字节。"""

from __future__ import annotations

import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.launch import ROOT, BenchError
from tests.bench.load import OURS, PEERS, STREAMS
from tests.bench.service import FLOOD
from tests.bench.table import Column, Table

REQUESTS, TOKENS = 16, 16
SIZES, QUICK_SIZES = (1_000, 9_000), (256, 1_280)
ROUNDS = 3
COMMAND_LIMIT_S = 60.0
_ITL_BYTES = 4


def startup(bench: Bench) -> Table:
    """`rayeval perf` 从起进程到服务收到第一个测量请求，与两份对照并排。"""
    table = Table(
        "startup",
        f"one stream, {REQUESTS} requests of {TOKENS} tokens, no delays, from return",
        "First request is when the service had read it, by its own log.",
        ("client",),
        (
            Column("first_s", "to the first measured request, s", ".2f"),
            Column("whole_s", "to the end of the whole run, s", ".2f"),
        ),
    )
    if not _has_perf():
        table.remarks.append("Skipped: this version has no command `rayeval perf`.")
        return table
    for _ in bench.rounds("startup"):
        table.add(("rayeval perf",), **_command(bench))
        for name in PEERS:
            table.add((f"{name} loop",), **_script(bench, name))
    return table


def _has_perf() -> bool:
    argv = [sys.executable, "-m", "rayeval.cli", "perf", "--help"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, timeout=60, check=False)
    return done.returncode == 0


def _command(bench: Bench) -> dict[str, float | None]:
    with tempfile.TemporaryDirectory(prefix="rayeval-bench-") as folder:
        with bench.service.serve(FLOOD) as running:
            argv = [sys.executable, "-m", "rayeval.cli", "perf", running.base_url]
            argv += ["--model", bench.model, "--concurrency", "1"]
            argv += ["--num-requests", str(REQUESTS), "--input-length", str(TOKENS)]
            argv += ["--output-length", str(TOKENS), "--artifacts", folder, "--quiet"]
            spawned = time.perf_counter()
            process = subprocess.Popen(argv, cwd=folder, stdout=subprocess.DEVNULL)
            os.sched_setaffinity(process.pid, {bench.cores[0]})
            try:
                code = process.wait(COMMAND_LIMIT_S)
            finally:
                process.kill()
                process.wait()
            whole = time.perf_counter() - spawned
        ids = _request_ids(Path(folder))
        if not ids:
            raise BenchError(f"rayeval perf ended with {code} and wrote no rows; see above")
    truth = running.truth or {}
    asked = [truth[name].asked for name in ids if name in truth]
    return {"first_s": min(asked) - spawned if asked else None, "whole_s": whole}


def _request_ids(folder: Path) -> list[str]:
    found = []
    for path in folder.rglob("requests_*.csv"):
        with path.open(encoding="utf-8-sig", newline="") as file:
            found += [line["Request_Id"] for line in csv.DictReader(file)]
    return found


def _script(bench: Bench, client: str) -> dict[str, float | None]:
    size = {"streams": 1, "requests": REQUESTS, "tokens": TOKENS}
    trial = bench.measure(client, FLOOD, rows=True, **size)
    measured, truth = trial.measured, trial.truth or {}
    asked = [truth[row.request_id].asked for row in measured.rows if row.request_id in truth]
    first = min(asked) - measured.spawned if asked else None
    return {"first_s": first, "whole_s": measured.began + measured.made_s - measured.spawned}


def memory(bench: Bench) -> Table:
    """两种大小的跑法，内存之差除以请求数之差，扣去 ITL。"""
    small, large = QUICK_SIZES if bench.quick else SIZES
    table = Table(
        "memory",
        f"RSS of the load worker: {large:,} requests of {TOKENS} tokens against {small:,}",
        f"Difference of RSS ÷ difference of requests, less {_ITL_BYTES} bytes a gap of its ITL. "
        "Built is before go, held is with the table in hand, peak is the highest ever.",
        ("client",),
        (
            Column("built_bytes", "built, bytes a request"),
            Column("held_bytes", "held, bytes a request"),
            Column("peak_bytes", "peak, bytes a request"),
        ),
    )
    itl = _ITL_BYTES * (TOKENS - 1)
    for _ in bench.rounds("memory", ROUNDS):
        less, more = (
            bench.measure(OURS, FLOOD, streams=STREAMS, requests=count, tokens=TOKENS)
            .measured.results[0]
            .rss
            for count in (small, large)
        )
        slope = {name: (more[name] - less[name]) / (large - small) for name in more}
        table.add(
            (OURS,),
            built_bytes=slope["prepared"],
            held_bytes=slope["collected"] - itl,
            peak_bytes=slope["peak"] - itl,
        )
    return table
