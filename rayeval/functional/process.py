"""跑一个套件的 pytest 子进程：上下文从匿名文件交进去，结果从管道拿出来。"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

import rayeval
from rayeval.functional.lines import Line, Stopped, decode

PLUGIN = "rayeval.functional.plugin"
_READ_BYTES = 1 << 16
_TAIL_BYTES = 4000
_INTERRUPT_S = 2.0


class SuiteProcess:
    """一个在自己进程组里的 pytest；离开上下文时它与它的子孙都已不在。"""

    def __init__(
        self,
        context_json: str,
        target: Path,
        select_expression: str | None,
        *,
        collect_only: bool = False,
    ) -> None:
        """记下要跑什么；进入上下文时才起。`collect_only` 的只收集，一个用例也不跑。"""
        self._context_json = context_json
        self._target = target
        self._select = select_expression
        self._collect_only = collect_only
        self._buffer = b""

    def __enter__(self) -> SuiteProcess:
        """起进程。

        密钥只经匿名文件（打开即已删除）与文件描述符交接：不进 argv、环境、磁盘上的名字。
        """
        self._output: IO[bytes] = tempfile.TemporaryFile()
        self._results, write_end = os.pipe()
        try:
            with tempfile.TemporaryFile() as context:
                context.write(self._context_json.encode())
                context.seek(0)
                self._process = subprocess.Popen(
                    self._argv(context.fileno(), write_end),
                    stdin=subprocess.DEVNULL,
                    stdout=self._output,
                    stderr=subprocess.STDOUT,
                    pass_fds=(context.fileno(), write_end),
                    start_new_session=True,
                    env=child_environment(os.environ, own=self._is_own),
                )
        except BaseException:
            self._output.close()
            os.close(self._results)
            raise
        finally:
            os.close(write_end)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """收尾：还在跑就杀，收回描述符。"""
        try:
            self.kill()
        finally:
            os.close(self._results)
            self._output.close()

    @property
    def ended(self) -> bool:
        """进程已经退出。"""
        return self._process.poll() is not None

    @property
    def returncode(self) -> int | None:
        """退出码；还在跑则 None。"""
        return self._process.poll()

    def poll(self, seconds: float) -> list[Line]:
        """至多等 `seconds` 秒，给出其间完整到达的行；管道已关时只是等一等。"""
        readable, _, _ = select.select([self._results], [], [], seconds)
        if not readable:
            return []
        data = os.read(self._results, _READ_BYTES)
        if not data:
            time.sleep(min(seconds, 0.05))  # 写端已关，进程还在退出
        return self._lines(data)

    def drain(self) -> list[Line]:
        """进程已退出：取走管道里剩下的。孙进程占着写端时也不等它。"""
        lines: list[Line] = []
        while select.select([self._results], [], [], 0)[0]:
            data = os.read(self._results, _READ_BYTES)
            if not data:
                break
            lines += self._lines(data)
        return lines

    def kill_worker(self, pid: int) -> None:
        """杀一个工人；它已不在也无妨。"""
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def output_tail(self) -> str:
        """进程至今输出的末尾。"""
        size = self._output.seek(0, os.SEEK_END)
        self._output.seek(max(0, size - _TAIL_BYTES))
        return self._output.read().decode("utf-8", "replace").strip()

    def kill(self) -> None:
        """请它停（让 fixture 收尾），不听就杀；总是把整个进程组扫干净，用例留下的孙进程也在内。"""
        try:
            if not self.ended:
                self._signal(signal.SIGINT)
                self._process.wait(_INTERRUPT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        """发给整个进程组；组已不在也无妨。"""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, number)

    @property
    def _is_own(self) -> bool:
        """跑的是自带的套件。"""
        return self._target.is_relative_to(Path(rayeval.__file__).parent)

    def _argv(self, context_fd: int, results_fd: int) -> list[str]:
        """pytest 的命令行；不受当前目录与任何 pytest 配置文件影响。"""
        root = self._target if self._target.is_dir() else self._target.parent
        chosen = ["-k", self._select] if self._select else []
        chosen += ["--collect-only"] if self._collect_only else []
        return [
            *(sys.executable, "-P", "-m", "pytest", str(self._target), *chosen),
            *("-p", PLUGIN, "-p", "no:cacheprovider", "-c", os.devnull, "--rootdir", str(root)),
            *("--import-mode=importlib", "-o", "addopts=", "-q", "--tb=short", "--color=no"),
            "--capture=sys",  # 工人各记各的：fd 那一种的临时文件 fork 之后是共用的
            f"--rayeval-context-fd={context_fd}",
            f"--rayeval-results-fd={results_fd}",
        ]

    def _lines(self, data: bytes) -> list[Line]:
        """攒成完整的行再解；解不了的行说明有人写错了描述符，如实报告。"""
        *whole, self._buffer = (self._buffer + data).split(b"\n")
        lines: list[Line] = []
        for text in whole:
            try:
                lines.append(decode(text))
            except ValueError as error:
                lines.append(Stopped(str(error)))
        return lines


def child_environment(environ: Mapping[str, str], *, own: bool) -> dict[str, str]:
    """子进程的环境：去掉 PYTEST_*；自带套件不装载旁人的插件；总能找到同一份 rayeval。

    以源码形式送到别的节点时，rayeval 只在父进程的 sys.path 上，子进程要靠 PYTHONPATH。
    """
    env = {name: value for name, value in environ.items() if not name.startswith("PYTEST_")}
    if own:
        env["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    home = Path(rayeval.__file__).resolve().parent.parent
    if home.name not in {"site-packages", "dist-packages"}:
        inherited = environ.get("PYTHONPATH")
        env["PYTHONPATH"] = os.pathsep.join([str(home), *([inherited] if inherited else [])])
    env["PYTHONIOENCODING"] = "utf-8"
    return env
