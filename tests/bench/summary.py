"""汇总一百万行：表由一个进程造好存盘，每次重复在一个新的进程里读、算、写，时间与峰值都是它的。"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from rayeval.domain.load import Certificate
from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.records import REQUESTS
from rayeval.domain.report import CellReport
from rayeval.export.acs_csv import requests_csv, summary_csv
from rayeval.export.parquet import parquet
from rayeval.perf.summary import summarise
from tests.bench.bench import Bench
from tests.bench.child import memory
from tests.bench.launch import ROOT
from tests.bench.table import Column, Table

ROWS, QUICK_ROWS, GAPS = 1_000_000, 20_000, 32
LIMIT_S = 180.0
_SEED = 0


def summary(bench: Bench) -> Table:
    """摘要的 79 列、逐请求 CSV 与 Parquet 各要多久，进程的内存到多高。"""
    rows = QUICK_ROWS if bench.quick else ROWS
    table = Table(
        "summary",
        f"{rows:,} rows × {GAPS} ITL, read from disk, in a fresh process",
        "Memory is the whole process at its highest, the table and the interpreter included.",
        ("step",),
        (
            Column("seconds", "seconds", ".2f"),
            Column("peak_bytes", "peak RSS so far, MB", ",.0f", 1e-6),
        ),
    )
    with tempfile.TemporaryDirectory(prefix="rayeval-bench-") as folder:
        path = Path(folder) / "requests.arrow"
        _child("make", str(path), str(rows), core=bench.cores[0])
        for _ in bench.rounds("summary"):
            out = _child("measure", str(path), core=bench.cores[0])
            for step, (seconds, peak) in json.loads(out).items():
                table.add((step,), seconds=seconds, peak_bytes=peak)
    return table


def _child(*args: str, core: int) -> str:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.summary", *args],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    os.sched_setaffinity(process.pid, {core})
    try:
        out, _ = process.communicate(timeout=LIMIT_S)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, process.args)
    return out


def synthetic(rows: int) -> pa.Table:
    """像样的 REQUESTS 表：64 路、TTFT 与间隔皆为对数正态，每 64 行有一行失败。"""
    dice = np.random.default_rng(_SEED)
    itl = dice.lognormal(-4.6, 0.3, (rows, GAPS)).astype(np.float32)
    ttft = dice.lognormal(-3.0, 0.4, rows)
    last = ttft + itl.sum(axis=1)
    start = np.repeat(np.arange(-(-rows // 64)), 64)[:rows] * 0.4 + dice.random(rows) * 0.01
    offsets = pa.array(np.arange(rows + 1, dtype=np.int32) * GAPS)
    columns: dict[str, pa.Array] = {
        "request_id": pa.array([f"0123456789ab-e0-m{n}" for n in range(rows)]),
        "index": pa.array(np.arange(rows)),
        "start_s": pa.array(start),
        "end_s": pa.array(start + last),
        "start_time": pa.array(1.7e9 + start),
        "end_time": pa.array(1.7e9 + start + last),
        "ttfb_s": pa.array(ttft * 0.9),
        "ttft_s": pa.array(ttft),
        "ttfa_s": pa.array(ttft),
        "second_token_s": pa.array(ttft + itl[:, 0]),
        "last_token_s": pa.array(last),
        "e2e_s": pa.array(last),
        "itl_s": pa.ListArray.from_arrays(offsets, pa.array(itl.ravel())),
        "error_class": pa.array(["timeout" if n % 64 == 63 else None for n in range(rows)]),
    }
    same = {
        "phase": "plateau",
        "clock": "kernel",
        "tokens_source": "usage",
        "finish_reason": "stop",
        "token_events": GAPS + 1,
        "completion_tokens": GAPS + 1,
        "content_tokens": GAPS + 1,
        "prompt_tokens": 128,
        "concurrency": 64,
        "http_status": 200,
        "connection_reused": True,
    }
    zeros = ("epoch", "worker", "input_length", "output_length", "retries", "first_read_events")
    same |= dict.fromkeys(zeros, 0)
    for field in REQUESTS:
        value = pa.scalar(same.get(field.name), field.type)
        columns.setdefault(field.name, pa.repeat(value, rows))
    return pa.table([columns[field.name].cast(field.type) for field in REQUESTS], REQUESTS)


def measure(table: pa.Table) -> dict[str, tuple[float, int]]:
    """步骤 → （秒，到此为止的峰值字节）。"""
    cell, spec = Cell(128, GAPS + 1, 64, table.num_rows), PerfSpec()
    found: dict[str, tuple[float, int]] = {}

    def timed(step: str, work: Callable[[], object]) -> None:
        began = time.perf_counter()
        work()
        found[step] = (time.perf_counter() - began, memory("VmHWM"))

    report: list[CellReport] = []

    def summarised() -> bytes:
        made = summarise(table, cell, spec, provider="bench", execution_time="")
        report.append(CellReport(made, Certificate(True, (), ())))
        return summary_csv(report)

    found["table read"] = (0.0, memory("VmHWM"))
    timed("summary, all columns", summarised)
    timed("requests CSV", lambda: requests_csv(table, report[0].summary))
    timed("requests Parquet", lambda: parquet(table))
    return found


def main(verb: str, path: str, rows: str = "0") -> None:
    if verb == "make":
        made = synthetic(int(rows))
        with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, REQUESTS) as writer:
            writer.write_table(made)
        return
    with pa.OSFile(path) as source:
        table = pa.ipc.open_file(source).read_all()
    print(json.dumps(measure(table)))


if __name__ == "__main__":
    main(*sys.argv[1:])
