"""跑一个外部的 simple-evals：argv 列表、独立的进程组、有时限；之后去读它写下的结果。"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from pathlib import Path

from rayeval.accuracy.simple_evals import find_result, read_result
from rayeval.domain.accuracy import Accuracy, AccuracySpec, Answer
from rayeval.domain.service import Endpoint
from rayeval.errors import InfrastructureError

POLL_S = 0.5
TOLD_S = 2.0
GRACE_S = 5.0
MAX_NOTE_CHARS = 120
TAIL_CHARS = 2000
NO_KEY = "EMPTY"
"""没有密钥时给 openai 库的：它不肯空着。"""
_PLACEHOLDER = re.compile(r"\{(base_url|model|examples|repeats|python|out)\}")


def run_external(
    spec: AccuracySpec, endpoint: Endpoint, pulse: Callable[[], None]
) -> Generator[str, None, tuple[Accuracy, list[Answer]]]:
    """跑 spec.runner（没有则只读 spec.results），返回读到的结论与逐题的答。

    命令的环境里有 OPENAI_API_KEY 与 OPENAI_BASE_URL。等待时每隔两秒产出命令最新的一句话，
    每半秒唤一次 `pulse`；它抛出什么，或生成器被关掉，命令都随之被收走。起不来、退出码不为 0、
    超时、没有结果抛 InfrastructureError，带着命令最后的话（密钥已盖住）。
    """
    with tempfile.TemporaryDirectory(prefix="rayeval-runner-") as folder:
        since = None
        if spec.runner:
            since = time.time() - 1.0  # 文件系统的时间戳可以粗到一秒
            yield from _run(_argv(spec, endpoint, folder), spec, endpoint, Path(folder), pulse)
        place = folder if spec.results is None else spec.results
        return read_result(find_result(Path(place), since), spec)


def _argv(spec: AccuracySpec, endpoint: Endpoint, folder: str) -> list[str]:
    """填好占位的命令；别的花括号原样。"""
    values = {
        "base_url": endpoint.base_url,
        "model": endpoint.model,
        "examples": str(spec.num_examples or ""),
        "repeats": str(spec.n_repeats),
        "python": sys.executable,
        "out": folder,
    }
    return [_PLACEHOLDER.sub(lambda match: values[match[1]], word) for word in spec.runner]


def _run(
    argv: list[str],
    spec: AccuracySpec,
    endpoint: Endpoint,
    folder: Path,
    pulse: Callable[[], None],
) -> Iterator[str]:
    """起命令，守到它结束；不时产出它最新的一句话。"""
    key = endpoint.api_key.get_secret_value() if endpoint.api_key is not None else NO_KEY
    environment = {**os.environ, "OPENAI_API_KEY": key, "OPENAI_BASE_URL": endpoint.base_url}
    log = folder / "runner.log"
    with log.open("wb") as sink:
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except OSError as error:
            message = f"runner {argv[0]!r} can't be started: {error.strerror}; mend the profile"
            raise InfrastructureError(message) from error
    try:
        deadline = time.monotonic() + spec.runner_timeout_s
        told_at = time.monotonic()
        while (code := process.poll()) is None and time.monotonic() < deadline:
            pulse()
            if time.monotonic() - told_at >= TOLD_S:
                told_at = time.monotonic()
                yield endpoint.redact(_tail(log)).rpartition(" | ")[2][:MAX_NOTE_CHARS]
            with suppress(subprocess.TimeoutExpired):
                process.wait(POLL_S)
    finally:
        _end(process)
    if code != 0:
        told = endpoint.redact(_tail(log))
        reason = f"exit code {code}" if code is not None else f"{spec.runner_timeout_s:g} s passed"
        raise InfrastructureError(f"runner {argv[0]!r} failed: {reason}; it said: {told}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """整个进程组收走：先请，再杀。"""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_S)
            return


def _tail(log: Path) -> str:
    """命令最后的话，一行。"""
    text = log.read_bytes()[-TAIL_CHARS:].decode("utf-8", "replace")
    return " | ".join(line.strip() for line in text.splitlines() if line.strip()) or "nothing"
