"""清扫本机：看守没了而服务的进程还在的，按它们环境里的记号找到并结束；只动自己的。

看守是子孙的收养者，它在，名下的就有主；名下的找不到看守，就是没人管了。
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from rayeval.service.owner import is_dead, started

MARK = "RAYEVAL_SERVICE_OF"
"""看守放进服务环境里的记号，值是运行的名字；人不会去设它。"""
EMBEDDED = "RAYEVAL_EMBEDDED_BY"
"""内嵌的 Ray 的进程环境里的记号，值是驱动端（见 owner）：它被 SIGKILL，几个代理会留下。"""
GRACE_S = 5.0
_GUARD = b"guard.py"


@dataclass(frozen=True, slots=True)
class Found:
    """一个带着记号的进程；`run_id` 是记号的值，`start` 用来认出它还是它。"""

    pid: int
    run_id: str
    command: str
    start: str

    def __str__(self) -> str:
        """写成 `pid 123 (vllm serve …)`。"""
        return f"pid {self.pid} ({self.command})"


def orphans() -> list[Found]:
    """没有看守的服务进程，与驱动端已死的内嵌 Ray 的进程，不论哪次运行的。"""
    strays = [found for found in _with(EMBEDDED) if is_dead(found.run_id)]
    return [*(found for found in marked() if not _guarded(found.pid)), *strays]


def marked(run_id: str | None = None) -> list[Found]:
    """带着记号的进程；给了 `run_id` 则只要那一次的。没有 /proc 的系统上为空。"""
    return [found for found in _with(MARK) if run_id in {None, found.run_id}]


def _with(name: str) -> list[Found]:
    """环境里有这个记号的进程。"""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        mark = _mark(folder, name)
        if mark is not None and pid != os.getpid():
            found.append(Found(pid, mark, _command(folder), started(pid)))
    return found


def end(processes: list[Found]) -> list[Found]:
    """先 SIGTERM，宽限之后 SIGKILL；返回确实不在了的。"""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in processes:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process.pid, number)
        deadline = time.monotonic() + GRACE_S
        while any(map(_alive, processes)) and time.monotonic() < deadline:
            time.sleep(0.05)
    return [process for process in processes if not _alive(process)]


def _alive(process: Found) -> bool:
    """还在，而且还是它。"""
    return bool(process.start) and started(process.pid) == process.start


def _mark(folder: Path, name: str) -> str | None:
    """进程环境里的记号；没有、看不了（别人的）、或已是僵尸为 None。"""
    try:
        environment = (folder / "environ").read_bytes()
    except OSError:
        return None
    prefix = f"{name}=".encode()
    words = (w for w in environment.split(b"\0") if w.startswith(prefix))
    mark = next(words, None)
    return None if mark is None else mark.removeprefix(prefix).decode("utf-8", "replace")


def _guarded(pid: int) -> bool:
    """往上走，遇得到一个看守（自己就是也算）。"""
    for _ in range(64):
        if pid <= 1:
            return False
        if _GUARD in _arguments(Path(f"/proc/{pid}")):
            return True
        pid = _parent(pid)
    return False


def _parent(pid: int) -> int:
    """父进程；没有了为 0。"""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    return int(text.rpartition(")")[2].split()[1])


def _arguments(folder: Path) -> bytes:
    """命令行的原文；没有了为空。"""
    try:
        return (folder / "cmdline").read_bytes()
    except OSError:
        return b""


def _command(folder: Path) -> str:
    """命令行的前几个词；不带选项，里面可能有密钥。"""
    words = _arguments(folder).rstrip(b"\0").decode("utf-8", "replace").split("\0")
    return " ".join(word for word in words[:3] if word and not word.startswith("-"))
