"""节点与控制器的一半：Pod 的容器就是本机的进程，Service 就是本机的端口。"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from dataclasses import dataclass, field
from typing import Any

Object = dict[str, Any]
GRACE_S = 5.0


@dataclass
class Instance:
    """一个容器的一次实例；每行日志带着到达的时刻（纳秒）。"""

    process: subprocess.Popen[bytes]
    port: int
    lines: list[tuple[int, bytes]] = field(default_factory=list)
    drained: bool = False
    ready: bool = False
    sent: set[signal.Signals] = field(default_factory=set)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as stdout:
            for line in stdout:
                self.lines.append((time.time_ns(), line.rstrip(b"\n")))
        self.process.wait()
        self.drained = True

    @property
    def over(self) -> bool:
        return self.drained and self.process.poll() is not None

    def stop(self, number: signal.Signals) -> None:
        """同 kubelet：一种信号只送一次；收场途中再来一个 SIGTERM 会打断它。"""
        if number not in self.sent:
            self.sent.add(number)
            self.kill(number)

    def kill(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


def start(container: Object, addresses: dict[str, str], env: dict[str, str]) -> Instance:
    """起一个容器：镜像 rayeval* 的入口是 rayeval，别的照 command 跑。"""
    port = free_port()
    words = [*container.get("command", []), *container.get("args", [])]
    if container["image"].startswith("rayeval") and words[:1] == ["mock"]:
        words = [sys.executable, "-m", "rayeval.mock", *words[1:]]
    declared = [str(entry["containerPort"]) for entry in container.get("ports", [])]
    words = [str(port) if word in declared else word for word in map(str, words)]
    words = [word.replace("0.0.0.0", "127.0.0.1") for word in words]
    for name, address in addresses.items():
        words = [re.sub(rf"//{re.escape(name)}(?=[/:]|$)(:\d+)?", f"//{address}", w) for w in words]
    process = subprocess.Popen(
        words,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
    )
    return Instance(process, port)


def probe(instance: Instance, container: Object) -> bool:
    """readinessProbe 通过；没有探针的一跑起来就算好。"""
    check = container.get("readinessProbe", {}).get("httpGet")
    if check is None:
        return instance.process.poll() is None
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{instance.port}{check['path']}", timeout=2) as reply:
            return 200 <= reply.status < 300
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probing:
        probing.bind(("127.0.0.1", 0))
        return probing.getsockname()[1]


class Relay:
    """一个 Service 的一个端口：轮流转给就绪的 Pod。"""

    def __init__(self, backends: Any) -> None:
        self._backends = backends
        self._turn = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        back = None
        try:
            ports = self._backends()
            if not ports:
                return
            self._turn += 1
            there, back = await asyncio.open_connection("127.0.0.1", ports[self._turn % len(ports)])
            await asyncio.gather(_pump(reader, back), _pump(there, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for end in (writer, back):
                if end is not None:
                    end.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except OSError:
        pass
    finally:
        with contextlib.suppress(OSError, RuntimeError):
            sink.close()
