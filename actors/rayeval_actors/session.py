"""Ray 会话：embedded、auto、HOST:PORT；Ray 自己的话不上终端。"""

from __future__ import annotations

import logging
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from rayeval.errors import ClusterError, UsageError
from rayeval_actors.knock import Knock, explain

_ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",  # 不向外发统计
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # num_gpus=0 的任务不改 CUDA_VISIBLE_DEVICES
    "RAY_DEDUP_LOGS": "0",
    "SPT_NOENV": "1",  # 改进程标题时别盖掉环境：清扫要读其中的记号
}
_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
"""内嵌的 Ray 只听回环：这个开关让它以 127.0.0.1 为本机地址（Ray 在 macOS 上的默认）。"""
SHIPS = ("installed", "source")


@contextmanager
def session(address: str, *, ship: str = "installed") -> Iterator[None]:
    """连上（或内嵌）一个 Ray；离开时断开。连不上抛 ClusterError，说清地址与修法。"""
    if ship not in SHIPS:
        message = f"--ship {ship!r}: give one of {', '.join(SHIPS)}"
        raise UsageError(message)
    found = locate(address)
    for name, value in surroundings(address, found).items():
        os.environ.setdefault(name, value)
    if address == "local":
        import ray
    else:
        with Knock(address, found) as knock:
            import ray

            knock.answered()

    with _hush():
        try:
            with _signals_held():
                try:
                    ray.init(**_arguments(address, ship))
                except (ConnectionError, RuntimeError, OSError, ValueError) as error:
                    raise ClusterError(explain(address, error)) from error
            yield
        finally:
            ray.shutdown()


def surroundings(address: str, found: tuple[str, int] | None) -> dict[str, str]:
    """连这个地址时 Ray 要的环境变量；`found` 是 locate 的结果。"""
    loopback = address == "local" or (found is not None and _is_loopback(found[0]))
    return {**_ENVIRONMENT, **(_LOOPBACK if loopback else {})}


def locate(address: str) -> tuple[str, int] | None:
    """集群入口的主机与端口；内嵌、或 auto 而本机没有记录时为 None。格式不对抛 UsageError。"""
    if address == "local":
        return None
    if address == "auto":
        record = (
            Path(os.environ.get("RAY_TMPDIR", tempfile.gettempdir()))
            / "ray"
            / "ray_current_cluster"
        )
        address = os.environ.get("RAY_ADDRESS") or (
            record.read_text(encoding="utf-8").strip() if record.is_file() else ""
        )
        if not address or address in {"auto", "local"}:
            return None
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdigit():
        message = f"--address {address!r}: give local, inline, auto or HOST:PORT"
        raise UsageError(message)
    return host.strip("[]"), int(port)


def _is_loopback(host: str) -> bool:
    """本机的回环地址。"""
    return host in {"localhost", "::1"} or host.startswith("127.")


def _arguments(address: str, ship: str) -> dict[str, Any]:
    """ray.init 的参数；`--ship source` 把两个包随任务带去各节点。"""
    arguments: dict[str, Any] = {
        "address": address,
        "log_to_driver": False,
        "logging_level": logging.ERROR,
        "configure_logging": True,
    }
    if address == "local":
        arguments |= {"include_dashboard": False, "num_gpus": None}
    if ship == "source":
        import rayeval
        import rayeval_actors

        packages = [str(Path(str(p.__file__)).parent) for p in (rayeval, rayeval_actors)]
        arguments["runtime_env"] = {"py_modules": packages}
    return arguments


@contextmanager
def _signals_held() -> Iterator[None]:
    """ray.init 途中的 Ctrl-C 与 SIGTERM 记下，之后再送达：半途打断会留下进程，甚至崩溃。

    也还原信号的处理者：ray.init 会装上自己的 SIGTERM，一来就不告而别。
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(n, lambda number, _frame: held.append(number)) for n in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
    if held:
        signal.raise_signal(held[0])


@contextmanager
def _hush() -> Iterator[None]:
    """Ray 的后台线程往标准输出写的话（如“a worker died”）转去日志；我们自己会说。"""
    out, err = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Filter(out), _Filter(err)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = out, err


class _Filter:
    """一个流：名字以 ray_ 开头的线程写的东西不通过，其余原样。"""

    def __init__(self, stream: TextIO) -> None:
        """包住一个流。"""
        self._stream = stream

    def write(self, text: str) -> int:
        """写，或丢给日志。"""
        if threading.current_thread().name.startswith("ray_"):
            logging.getLogger("rayeval.ray").debug(text.rstrip())
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        """其余的一切都是那个流自己的。"""
        return getattr(self._stream, name)
