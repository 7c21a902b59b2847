"""真的 Prometheus、Pushgateway、promtool：起在回环的空闲端口上，问它们话。"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.real.programs import program

START_LIMIT_S = 60.0
_LISTENING = re.compile(r'"Listening on" address=127\.0\.0\.1:(\d+)')


def promtool(*argv: str, stdin: bytes | None = None) -> str:
    """跑一次 promtool；不成即失败，返回它说的话。"""
    done = subprocess.run(
        [program("promtool"), *argv], input=stdin, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, said
    return said


@contextlib.contextmanager
def served(name: str, *flags: str, log: Path, scheme: str = "http") -> Iterator[str]:
    """一个服务进程的地址；离开时停下。"""
    argv = [program(name), "--web.listen-address=127.0.0.1:0", *flags]
    with log.open("wb") as out:
        process = subprocess.Popen(argv, stdout=out, stderr=out, start_new_session=True)
    try:
        base = f"{scheme}://127.0.0.1:{_port(process, log)}"
        until(lambda: _is_ready(base), f"{name} to be ready")
        yield base
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def pushgateway(*flags: str, log: Path) -> contextlib.AbstractContextManager[str]:
    """一个什么也不记得的 Pushgateway：Debian 的那个默认把组存到磁盘上，会带来别处的。"""
    return served("prometheus-pushgateway", "--persistence.file=", *flags, log=log)


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    """它在日志里说的端口。"""
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        found = _LISTENING.search(log.read_text(errors="replace"))
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(f"{process.args} did not start: {log.read_text(errors='replace')}")


def _is_ready(base: str) -> bool:
    """说自己就绪了。"""
    blind = ssl.create_default_context()
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    tls = urllib.request.HTTPSHandler(context=blind)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), tls)
    try:
        with opener.open(f"{base}/-/ready", timeout=10):
            return True
    except urllib.error.HTTPError as error:
        with error:
            return error.code == 401  # 要密码的也算起来了


def fetch(url: str, **fields: str) -> Any:
    """POST 一个表单（没有字段则 GET），读回 JSON。"""
    data = urllib.parse.urlencode(fields).encode() if fields else None
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, data, timeout=30) as reply:
            return json.loads(reply.read())
    except urllib.error.HTTPError as error:
        with error:
            raise AssertionError(f"{url} {fields}: {error.read().decode()}") from error


def query(base: str, expr: str, at: float) -> dict[frozenset[tuple[str, str]], float]:
    """一次瞬时查询：标签（不含名字）→ 值。"""
    answer = fetch(f"{base}/api/v1/query", query=expr, time=f"{at:.3f}")
    assert answer["data"]["resultType"] == "vector", answer
    found = {}
    for entry in answer["data"]["result"]:
        labels = {k: v for k, v in entry["metric"].items() if k != "__name__"}
        found[frozenset(labels.items())] = float(entry["value"][1])
    return found


def query_range(base: str, expr: str, end: float, seconds: float, step: float) -> list[Any]:
    """一段时间的查询：各序列的标签与点。"""
    fields = {"start": f"{end - seconds:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
    return fetch(f"{base}/api/v1/query_range", query=expr, **fields)["data"]["result"]


def until(check: Any, what: str, limit_s: float = 60.0) -> Any:
    """等到 `check()` 为真，返回它；等不到即失败。"""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        found = check()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {limit_s:.0f} s in vain for {what}")
