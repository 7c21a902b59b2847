"""给本地服务挑端口：内核的临时端口之外，一次只给一个启动者，用着的时候一直占着。

先绑一下再放开的老办法有两种撞法：另一个场景挑中同一个；内核把它当作别人的出站端口。
这里从临时端口的范围之外挑，并以文件锁占住：锁随进程消失，不会留下。
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rayeval.errors import LaunchError

FIRST, LAST = 20000, 29999
"""临时端口（Linux 默认 32768 起）与 NodePort（30000 起）都在其外。"""
TRIES = 200


@contextlib.contextmanager
def held_port(host: str, wanted: int | None, rng: random.Random | None = None) -> Iterator[int]:
    """一个归我们用的端口；点名的要空着，否则抛 LaunchError。离开时才让给别人。"""
    rng = rng or random.Random()
    with contextlib.ExitStack() as stack:
        for port in [wanted] if wanted else rng.sample(range(FIRST, LAST + 1), TRIES):
            lock = stack.enter_context(_lock(port))
            if lock and is_free(host, port):
                yield port
                return
        if wanted:
            message = (
                f"service.port {wanted} is in use on {host}: end what listens there, "
                "or leave service.port out to get a free one"
            )
            raise LaunchError(message)
        message = f"no free port between {FIRST} and {LAST} on {host}; give service.port"
        raise LaunchError(message)


@contextlib.contextmanager
def _lock(port: int) -> Iterator[bool]:
    """占住一个端口号；别的启动者占着为 False。锁文件留着不删：删了反倒会有两个主人。"""
    folder = Path(tempfile.gettempdir()) / f"rayeval-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    with (folder / str(port)).open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def is_free(host: str, port: int) -> bool:
    """没有谁在听：绑得上，而且回环上也敲不开（有的服务听的是另一个地址）。"""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    loopback = "::1" if ":" in host else "127.0.0.1"
    with contextlib.suppress(OSError), socket.create_connection((loopback, port), 0.5):
        return False
    return True
