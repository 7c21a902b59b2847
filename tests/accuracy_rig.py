"""准确率的端到端测试：合成的题、`rayeval accuracy` 的进程、它写下的东西。"""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.rig import await_sight, ended, launch

HEADER = ("Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2")
DOMAINS = ("Physics", "Chemistry", "Biology")


def write_questions(path: Path, count: int = 198) -> Path:
    """`count` 道编出来的题，列同 GPQA。"""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow([*HEADER, "Incorrect Answer 3", "High-level domain"])
        for n in range(count):
            values = [f"value {n * 7 + k}" for k in range(4)]
            rows.writerow([f"Which value has number {n} of the list?", *values, DOMAINS[n % 3]])
    return path


@dataclass
class Asked:
    """一次 `rayeval accuracy` 的结局。"""

    code: int
    out: str
    err: str
    artifacts: Path

    def file(self, pattern: str) -> Path:
        [path] = self.artifacts.glob(f"accuracy/*/*/{pattern}")
        return path

    @property
    def scenario(self) -> dict[str, Any]:
        [path] = self.artifacts.glob("runs/*/report.json")
        [scenario] = json.loads(path.read_text(encoding="utf-8"))["scenarios"]
        return scenario

    @property
    def accuracy(self) -> dict[str, Any]:
        return self.scenario["accuracy"]

    def answers(self) -> list[dict[str, Any]]:
        return pq.read_table(self.file("answers.parquet")).to_pylist()


class Asker:
    """起 `rayeval accuracy` 进程；每次的产物各放一处。"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._runs = 0

    def start(self, *words: object, **env: str) -> tuple[subprocess.Popen[str], Path]:
        self._runs += 1
        artifacts = self.folder / f"artifacts{self._runs}"
        cache = {"RAYEVAL_CACHE": str(self.folder / "cache")}
        words = ("accuracy", *words, "--artifacts", artifacts)
        return launch(self.folder, *words, **(cache | env)), artifacts

    def finish(self, started: tuple[subprocess.Popen[str], Path]) -> Asked:
        process, artifacts = started
        return Asked(*ended(process, 120), artifacts)

    def __call__(self, *words: object, **env: str) -> Asked:
        return self.finish(self.start(*words, **env))

    def await_answers(self, started: tuple[subprocess.Popen[str], Path], count: int) -> None:
        """等流水里至少有这么多答案。"""
        process, artifacts = started

        def seen() -> bool:
            paths = artifacts.glob("accuracy/*/*/answers_partial.jsonl")
            return any(len(path.read_bytes().splitlines()) > count for path in paths)

        await_sight(process, seen, f"{count} answers", 60)


@pytest.fixture
def asker(tmp_path: Path) -> Asker:
    return Asker(tmp_path)


@pytest.fixture
def questions(tmp_path: Path) -> Callable[[int], Path]:
    return lambda count=198: write_questions(tmp_path / f"synthetic{count}.csv", count)
