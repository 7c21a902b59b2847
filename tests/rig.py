"""端到端测试的配置目录：几个小场景，都跑在内置服务上。"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

SAMPLE = Path(__file__).parents[1] / "configs" / "demo" / "science_sample.csv"
MOCK = ["{python}", "-m", "rayeval.mock", "--host", "{host}", "--port", "{port}"]
MOCK += ["--model", "tiny", "--itl-ms", "1", "--ttft-ms", "5", "--answer-key", str(SAMPLE)]
KEYS = ("RAYEVAL_API_KEY", "OPENAI_API_KEY")
FEW_CASES = {"suites": ["completions_core"], "select": "usage", "probe": False}
"""功能阶段有结果、有产物就够；用例自己另有测试，全跑一遍要几倍于其余各阶段的时间。"""
ALL_CASES = {"suites": ["chat_core", "completions_core"]}
LIGHT = {
    "concurrency": [1, 2],
    "input_length": [32],
    "output_length": [8],
    "requests_per_stream": 4,
    "warmup": 1,
    "control_method": "queue",
    "workers": 2,
}


def scenario(name: str, **changes: Any) -> dict[str, Any]:
    made = {
        "id": name,
        "mode": "local",
        "model": "tiny",
        "served_model_name": "tiny",
        "provider": "here",
        "service": {"command": MOCK, "startup_timeout_s": 30},
    }
    return made | changes


def write_config(
    folder: Path,
    *scenarios: dict[str, Any],
    perf: Any = None,
    functional: Any = None,
    providers: Any = None,
    **matrix: Any,
) -> Path:
    files = {
        "matrix.yaml": matrix,
        "providers.yaml": {"providers": providers or [{"id": "here"}]},
        "tests/functional/default.yaml": functional or FEW_CASES,
        "tests/perf/pr.yaml": perf or LIGHT,
        "tests/perf/daily.yaml": perf or LIGHT,
        "tests/accuracy/pr.yaml": {
            "dataset": str(SAMPLE),
            "dataset_name": "science_sample",
            "num_examples": 4,
            "debug": True,
        },
    }
    files["tests/accuracy/daily.yaml"] = files["tests/accuracy/pr.yaml"]
    for made in scenarios:
        files[f"scenarios/{made['id']}.yaml"] = made
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
    return folder


@dataclass
class Done:
    """一次 `rayeval run` 的结果。"""

    code: int
    out: str
    err: str
    artifacts: Path

    @property
    def folder(self) -> Path:
        [folder] = (self.artifacts / "runs").iterdir()
        return folder

    @property
    def report(self) -> dict[str, Any]:
        return json.loads((self.folder / "report.json").read_text(encoding="utf-8"))

    def scenario(self, name: str) -> dict[str, Any]:
        return next(s for s in self.report["scenarios"] if s["scenario"] == name)

    def stages(self, name: str) -> dict[str, str]:
        return {stage["stage"]: stage["status"] for stage in self.scenario(name)["stages"]}


def launch(folder: Path, *words: object, **env: str) -> subprocess.Popen[str]:
    """在 `folder` 里起一个 `rayeval` 进程；环境里的密钥不传给它。"""
    clean = {name: value for name, value in os.environ.items() if name not in KEYS}
    return subprocess.Popen(
        [sys.executable, "-m", "rayeval.cli", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env=clean | env,
    )


def ended(process: subprocess.Popen[str], limit_s: float) -> tuple[int, str, str]:
    """等它结束：退出码与两个输出。"""
    try:
        out, err = process.communicate(timeout=limit_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"did not end:\n{out}\n{err}") from None
    return process.returncode, out, err


def await_sight(
    process: subprocess.Popen[str], seen: Callable[[], bool], what: str, limit_s: float
) -> None:
    """进程还在时，等到看见；等不到就杀掉它。"""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline and process.poll() is None:
        if seen():
            return
        time.sleep(0.02)
    process.kill()
    raise AssertionError(f"never saw {what}:\n{process.communicate()}")


class Runner:
    """起一个 `rayeval` 进程（多半是 run），等它结束。"""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.artifacts = tmp_path / "artifacts"

    def launch(self, *words: object, **env: str) -> subprocess.Popen[str]:
        return launch(self.tmp_path, *words, **env)

    def start(self, config: Path, *flags: str) -> subprocess.Popen[str]:
        return self.launch("run", "--config", config, "--artifacts", self.artifacts, *flags)

    def finish(self, process: subprocess.Popen[str], limit_s: float = 180.0) -> Done:
        return Done(*ended(process, limit_s), self.artifacts)

    def __call__(self, config: Path, *flags: str) -> Done:
        return self.finish(self.start(config, *flags))

    def await_event(self, process: subprocess.Popen[str], text: str, limit_s: float = 90) -> None:
        def seen() -> bool:
            paths = self.artifacts.glob("runs/*/events.jsonl")
            return any(text in path.read_text(encoding="utf-8") for path in paths)

        await_sight(process, seen, repr(text), limit_s)

    def await_answers(self, process: subprocess.Popen[str], name: str, number: int) -> None:
        """等场景 `name` 的服务再答完 `number` 个请求。"""
        [log] = self.artifacts.glob(f"logs/service_{name}_*.log")
        root = re.search(r"http://[\d.:]+", log.read_text(encoding="utf-8"))
        assert root is not None

        def answered() -> int:
            return httpx.get(f"{root[0]}/mock/stats").json()["done"]

        wanted = answered() + number
        await_sight(process, lambda: answered() >= wanted, f"{number} more answers", 60)


@pytest.fixture
def rayeval_run(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


@pytest.fixture
def config(tmp_path: Path) -> Callable[..., Path]:
    return lambda *scenarios, **rest: write_config(tmp_path / "configs", *scenarios, **rest)


@pytest.fixture
def make_scenario() -> Callable[..., dict[str, Any]]:
    return scenario


@pytest.fixture
def mock_command() -> list[str]:
    return MOCK


def processes_of(run_id: str) -> list[int]:
    """环境里带着这个 run_id 的进程。"""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                environment = (folder / "environ").read_bytes()
            except OSError:
                continue
            if f"RAYEVAL_RUN_ID={run_id}".encode() in environment:
                found.append(int(folder.name))
    return found


@pytest.fixture
def service_processes() -> Callable[[str], list[int]]:
    return processes_of
