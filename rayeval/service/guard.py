"""看守：拥有一个本地服务的小进程；标准输入一断（主人没了）就把服务全家收走。

独立脚本，只用标准库，以 `python -I -S guard.py GRACE -- argv…` 运行。
它自成会话，又是子孙的收养者（subreaper）：服务再怎么分叉、换会话，
父亲一死便归到它名下，一个也跑不掉。主人被 SIGKILL 时管道随之断开，结果相同。
退出码：服务的退出码；被信号杀死则为 128 + 信号。
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36


def main(argv: list[str]) -> int:
    """启动服务，等它结束或主人离开，收拾干净，返回退出码。"""
    grace_s, command = float(argv[0]), argv[2:]
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # Ray 的工作进程屏蔽了 SIGINT，服务不该继承
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stop_r, stop_w = os.pipe()
    os.set_blocking(stop_w, False)
    signal.signal(signal.SIGTERM, lambda *_: os.write(stop_w, b"x"))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(stop_w, warn_on_full_buffer=False)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=_die_with_guard,  # noqa: PLW1509 看守只有一个线程
        )
    except OSError as error:
        sys.stderr.write(f"rayeval: cannot start {command[0]!r}: {error.strerror}\n")
        return 127
    code = _wait(child, stop_r)
    if code is None:
        code = _terminate(child, grace_s)
    _reap_orphans()
    return code if code >= 0 else 128 - code


def _wait(child: subprocess.Popen[bytes], stop_r: int) -> int | None:
    """等服务自己结束（返回其码），或主人离开、要求停下（返回 None）。"""
    while True:
        ready, _, _ = select.select([0, stop_r], [], [], 5.0)
        if child.poll() is not None:
            return child.returncode
        if stop_r in ready:
            signals = os.read(stop_r, 4096)
            if signal.SIGTERM in signals or b"x" in signals:
                return None
        if 0 in ready and not os.read(0, 4096):
            return None


def _terminate(child: subprocess.Popen[bytes], grace_s: float) -> int:
    """先 SIGTERM 整组，宽限之后 SIGKILL。"""
    _signal_group(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + grace_s
    while child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    _signal_group(child.pid, signal.SIGKILL)
    return child.wait()


def _signal_group(group: int, number: signal.Signals) -> None:
    """给进程组发信号；已经没有了也无妨。"""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, number)


def _reap_orphans() -> None:
    """杀掉并收走归到名下的每一个子孙，直到一个不剩。"""
    while True:
        children = _children()
        for pid in children:
            _kill(pid)
        try:
            while os.waitpid(-1, os.WNOHANG if children else 0)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def _children() -> list[int]:
    """当前的直接子进程。"""
    me = os.getpid()
    try:
        text = Path(f"/proc/{me}/task/{me}/children").read_text(encoding="ascii")
        return [int(pid) for pid in text.split()]
    except OSError:
        return []


def _kill(pid: int) -> None:
    """SIGKILL 一个进程；已经没有了也无妨。"""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _die_with_guard() -> None:
    """在子进程里执行：看守自己被 SIGKILL 时，服务也收到 SIGKILL。"""
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    """调用 Linux 的 prctl；没有它的系统上什么也不做。"""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
