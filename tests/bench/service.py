"""被测的一侧：内置服务、别人给的命令（两者每次测量各起一回、钉在核上），或一个现成的地址。"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tests.bench.launch import ROOT, BenchError
from tests.bench.truth import Truth, read_truth

EMBEDDED = shlex.join([sys.executable, "-m", "rayeval.mock", "--port", "{port}"]) + (
    " --ttft-ms {ttft_ms} --itl-ms {itl_ms} --log {log}"
)
START_LIMIT_S = 60.0
STOP_LIMIT_S = 60.0
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Promise:
    """服务许诺的节拍，毫秒；都为零就是能多快多快。"""

    ttft_ms: int
    itl_ms: int

    def seconds(self, tokens: int) -> float:
        return (self.ttft_ms + self.itl_ms * (tokens - 1)) / 1000


FLOOD = Promise(0, 0)
PACED = Promise(50, 10)


class Running:
    """一个开着的服务；停下之后才有 `truth`，没有日志的一直为 None。"""

    def __init__(self, base_url: str, pid: int | None = None) -> None:
        self.base_url = base_url
        self._pid = pid
        self.truth: Mapping[str, Truth] | None = None

    def cpu_s(self) -> float | None:
        """它至今用掉的 CPU 秒；不是我们起的为 None。"""
        if self._pid is None:
            return None
        stat = Path(f"/proc/{self._pid}/stat").read_text(encoding="utf-8")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


class Given:
    """一个现成的地址；真值在全部测完之后才读（多数服务停下时才写）。"""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.path.rstrip("/").endswith("/v1"):
            raise BenchError(f"--url {url}: give the base URL, like http://127.0.0.1:8000/v1")
        self._url = url.rstrip("/")
        self.local = parts.hostname in _LOOPBACK
        self.label = self._url

    @contextmanager
    def serve(self, promise: Promise) -> Iterator[Running]:
        yield Running(self._url)


class Launched:
    """一条命令；{port} {ttft_ms} {itl_ms} {log} 会填好。"""

    local = True

    def __init__(self, command: str, core: int, label: str) -> None:
        if "{port}" not in command:
            raise BenchError(f"--service {command!r}: it needs {{port}}, e.g. --port {{port}}")
        self._argv = shlex.split(command)
        self._core = core
        self.label = label

    @contextmanager
    def serve(self, promise: Promise) -> Iterator[Running]:
        with tempfile.TemporaryDirectory(prefix="rayeval-bench-") as folder:
            log, port = Path(folder) / "truth.csv", _free_port()
            values = {"port": port, "log": log}
            values |= {"ttft_ms": promise.ttft_ms, "itl_ms": promise.itl_ms}
            argv = [part.format(**values) for part in self._argv]
            complaints = Path(folder) / "stderr"
            with complaints.open("wb") as stderr:
                process = subprocess.Popen(
                    argv,
                    cwd=ROOT,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=stderr,
                )
            try:
                os.sched_setaffinity(process.pid, {self._core})
                _await_listening(process, port, complaints)
                running = Running(f"http://127.0.0.1:{port}/v1", process.pid)
                yield running
            finally:
                _stop(process)
            if log.exists():
                running.truth = read_truth(log)


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _await_listening(process: subprocess.Popen[bytes], port: int, complaints: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if _ended(process):
                said = complaints.read_text(encoding="utf-8", errors="replace").strip()
                raise BenchError(f"the service ended before it listened: {said}") from None
        else:
            return
    raise BenchError(f"the service did not listen on port {port} in {START_LIMIT_S:.0f} s")


def _ended(process: subprocess.Popen[bytes]) -> bool:
    """稍等片刻，看它是否死了。"""
    try:
        process.wait(0.02)
    except subprocess.TimeoutExpired:
        return False
    return True


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
