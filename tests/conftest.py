"""所有测试共用的夹具：作为子进程的内置服务。"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from pydantic import SecretStr

from rayeval.domain.service import Endpoint

pytest_plugins = ["tests.rig", "tests.accuracy_rig"]

# 一切只在回环上：Ray 导入之前就要说好，它才以 127.0.0.1 为本机
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

# 流水线在后台起的进程生来不理 SIGINT，它的子进程也是；按 Ctrl-C 的测试要它们理
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# 别人占着机器不是我们的错：慢不算失败，错才算
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")

READY = "listening on "
START_LIMIT_S = 60.0
STOP_LIMIT_S = 15.0


class MockProcess:
    """一个跑着的 `python -m rayeval.mock`；stderr 收在 `stderr_path`。"""

    def __init__(self, flags: tuple[str, ...], stderr_path: Path) -> None:
        self.stderr_path = stderr_path
        argv = [sys.executable, "-m", "rayeval.mock", "--port", "0", *flags]
        with stderr_path.open("wb") as stderr:
            self.process = subprocess.Popen(
                argv, stdout=subprocess.PIPE, stderr=stderr, start_new_session=True
            )
        try:
            self.root_url = self._await_ready()
        except BaseException:
            self.stop()
            raise
        self.base_url = f"{self.root_url}/v1"
        model = flags[flags.index("--model") + 1] if "--model" in flags else "mock"
        key = SecretStr(flags[flags.index("--api-key") + 1]) if "--api-key" in flags else None
        self.endpoint = Endpoint(base_url=self.base_url, model=model, api_key=key)

    @property
    def stderr(self) -> str:
        return self.stderr_path.read_text(encoding="utf-8", errors="replace")

    def stats(self) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.root_url}/mock/stats", timeout=10) as reply:
            return json.loads(reply.read())

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
        with contextlib.suppress(OSError):
            if self.process.stdout is not None:
                self.process.stdout.close()
        return self.process.wait()

    def _await_ready(self) -> str:
        assert self.process.stdout is not None
        deadline = time.monotonic() + START_LIMIT_S
        while time.monotonic() < deadline:
            readable, _, _ = select.select([self.process.stdout], [], [], 0.5)
            if readable:
                line = self.process.stdout.readline().decode().strip()
                if line.startswith(READY):
                    return line.removeprefix(READY)
                if not line:
                    break
        raise AssertionError(f"the embedded service did not start: {self.stderr}")


@pytest.fixture
def start_mock(tmp_path: Path) -> Iterator[Callable[..., MockProcess]]:
    """`start_mock(*flags) -> MockProcess`；测试结束时都停下。"""
    started: list[MockProcess] = []

    def start(*flags: str) -> MockProcess:
        process = MockProcess(tuple(flags), tmp_path / f"mock{len(started)}.stderr")
        started.append(process)
        return process

    yield start
    for process in started:
        process.stop()
