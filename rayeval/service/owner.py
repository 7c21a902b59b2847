"""一次运行的主人：哪台机器上的哪个进程起的；清扫据此知道它还在不在。

写成 `user@host/pid/start`：start 是进程的启动时刻（开机以来的时钟滴答），pid 被别人重用也不会认错。
"""

from __future__ import annotations

import getpass
import os
import socket
from pathlib import Path


def this_process() -> str:
    """本进程。"""
    pid = os.getpid()
    return f"{_user()}@{socket.gethostname()}/{pid}/{started(pid)}"


def is_dead(owner: str) -> bool:
    """主人在这台机器上，而它的进程已经不在；别的机器上的无从得知，不算。"""
    who, _, rest = owner.partition("/")
    pid, _, start = rest.partition("/")
    if who.rpartition("@")[2] != socket.gethostname() or not pid.isdigit() or not start:
        return False
    return started(int(pid)) != start


def started(pid: int) -> str:
    """进程的启动时刻；没有这个进程（或已是僵尸）为空串，没有 /proc 的系统上是 `?`。"""
    if not Path("/proc/self/stat").exists():
        return "?"
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    parts = fields.rpartition(")")[2].split()
    return "" if parts[0] in {"Z", "X"} else parts[19]


def _user() -> str:
    """登录名；容器里可能没有。"""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid{os.getuid()}"
