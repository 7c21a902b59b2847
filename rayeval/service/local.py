"""本地服务：argv 列表、自己的会话、由看守拥有；日志边来边读。"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint, LocalService
from rayeval.errors import LaunchError
from rayeval.service.external import endpoint_at
from rayeval.service.logs import LogFile
from rayeval.service.ports import held_port
from rayeval.service.running import LaunchContext
from rayeval.service.sweep import MARK

GRACE_S = 15.0
"""SIGTERM 到 SIGKILL 之间的宽限，秒。"""
_SIGNAL_BASE = 128
_NOT_STARTED = 127


class LocalRunning:
    """一份本地服务：看守进程、日志文件、地址。"""

    def __init__(self, endpoint: Endpoint, guard: subprocess.Popen[bytes], log: LogFile) -> None:
        """收下看守与日志。"""
        self.endpoint = endpoint
        self._guard = guard
        self._log = log
        self._stopped = False

    def death(self) -> str | None:
        """看守已退出即服务已死；说出退出码或信号名。"""
        code = self._guard.poll()
        return None if code is None or self._stopped else f"service {describe_exit(code)}"

    def settle(self) -> str | None:
        """进程起了就可以问。"""
        return None

    def new_logs(self, limit: int) -> list[tuple[str, bytes]]:
        """新增的日志。"""
        data = self._log.new_bytes(limit)
        return [("", data)] if data else []

    def log_tail(self) -> str:
        """日志末尾。"""
        return self._log.tail()

    def stop(self) -> None:
        """关上管道让看守收场；看守不听就杀整个会话。"""
        self._stopped = True
        if self._guard.stdin is not None and not self._guard.stdin.closed:
            self._guard.stdin.close()
        try:
            self._guard.wait(GRACE_S + 5)
        except subprocess.TimeoutExpired:
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.wait()


@contextmanager
def local(scenario: Scenario, context: LaunchContext) -> Iterator[LocalRunning]:
    """启动本地服务；离开时它与它的子孙都已不在。命令不存在时抛 LaunchError。"""
    spec = scenario.service
    assert isinstance(spec, LocalService)  # noqa: S101 由 kind 分派而来
    with ExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="rayeval-service-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        port = stack.enter_context(held_port(context.host, spec.port))
        command = fill(
            spec.command, host=context.host, port=port, model=scenario.model, python=sys.executable
        )
        if shutil.which(command[0]) is None:
            message = f"service.command: {command[0]!r} is not an executable on this node's PATH"
            raise LaunchError(message)
        log = LogFile(folder / "service.log")
        guard = _start_guard(command, spec.env, context.run_id, log.path)
        base_url = f"http://{_bracket(context.host)}:{port}/v1"
        running = LocalRunning(endpoint_at(scenario, base_url), guard, log)
        stack.callback(running.stop)
        yield running


def fill(command: tuple[str, ...], **values: object) -> list[str]:
    """把 {port} 之类换成值；其余花括号原样保留（命令里常有 JSON）。"""
    filled = []
    for word in command:
        for name, value in values.items():
            word = word.replace("{" + name + "}", str(value))  # noqa: PLW2901 逐个替换
        filled.append(word)
    return filled


def describe_exit(code: int) -> str:
    """退出码 → 人话；看守以 128 + n 转述信号 n。"""
    if code < 0:
        return f"was lost: its guard was killed by {signal.Signals(-code).name}"
    if code == _NOT_STARTED:
        return "could not be started (exit code 127)"
    if code > _SIGNAL_BASE and code - _SIGNAL_BASE in set(signal.Signals):
        return f"was killed by {signal.Signals(code - _SIGNAL_BASE).name}"
    return f"exited with code {code}"


def _start_guard(
    command: list[str], env: dict[str, str], run_id: str, log: Path
) -> subprocess.Popen[bytes]:
    """以自己的会话启动看守；环境里留下 run_id，好让清扫认得。"""
    guard = Path(__file__).with_name("guard.py")
    environment = {
        **os.environ,
        "PYTHONUNBUFFERED": "1",
        **env,
        "RAYEVAL_RUN_ID": run_id,
        MARK: run_id,
    }
    with log.open("ab") as sink:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(guard), str(GRACE_S), "--", *command],
            stdin=subprocess.PIPE,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            start_new_session=True,
        )


def _bracket(host: str) -> str:
    """IPv6 地址在 URL 里要加方括号。"""
    return f"[{host}]" if ":" in host else host
