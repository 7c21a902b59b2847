"""作答的流水：答一题记一行，途中倒下也不丢；考完照它写成各份文件。

内存里只留每题一个偏移量，所以驱动端的内存与回复的长短无关。
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from rayeval.domain.accuracy import Answer
from rayeval.errors import UsageError
from rayeval.export.files import Artifacts

Row = dict[str, Any]
FORMAT = "rayeval answers 1"
PARTIAL = "answers_partial.jsonl"
"""流水的文件名；考完就没有它了。"""


class Journal:
    """一个场景的流水文件。"""

    def __init__(self, artifacts: Artifacts, relpath: str, identity: Mapping[str, str]) -> None:
        """还没有写；第一次 add 时才建文件，开头一行是考试的身份。"""
        self._artifacts = artifacts
        self._path = relpath
        self._identity = dict(identity)
        self._offsets: dict[int, int] = {}
        self._size = 0

    def add(self, answer: Answer) -> None:
        """记一次；同一题后来的作数。"""
        if not self._size:
            self._append({"format": FORMAT, "identity": self._identity})
        self._offsets[answer.index] = self._size
        self._append(dataclasses.asdict(answer))

    def take_over(self, earlier: Path) -> None:
        """把中断的那次答好的抄过来，全文都在；那就是自己这一份时，接在它后面写。"""
        own = self._artifacts.path(self._path)
        if own.exists() and own.samefile(earlier):
            self._reopen(own)
            return
        for answer in _answers(earlier):
            if answer.error_class is None:
                self.add(answer)

    def paths(self) -> list[str]:
        """流水还在时它的路径。"""
        return [self._path] if self._offsets else []

    def rows(self) -> Iterator[Row]:
        """逐题的行，按 index，一次只在内存里放一行；可以反复取。"""
        if not self._offsets:
            return
        with self._artifacts.path(self._path).open("rb") as file:
            for index in sorted(self._offsets):
                file.seek(self._offsets[index])
                yield json.loads(file.readline())

    def drop(self) -> None:
        """写成别的文件之后，流水不必留。"""
        self._artifacts.path(self._path).unlink(missing_ok=True)
        self._offsets.clear()
        self._size = 0

    def _reopen(self, own: Path) -> None:
        """认出已有的各行，截去写了一半的末行。"""
        with own.open("r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                body = _parsed(line)
                if "index" in body and body.get("error_class") is None:
                    self._offsets[body["index"]] = self._size
                self._size += len(line)
            file.truncate(self._size)

    def _append(self, body: Row) -> None:
        """接上一行。"""
        line = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        self._artifacts.append(self._path, line)
        self._size += len(line)


def read_journal(path: Path) -> tuple[dict[str, str], list[Answer]]:
    """中断的那次的流水 → 考试的身份与答案，长文本去掉；同一题后来的作数。

    最后半行（写到一半被杀）略过。没有文件、不是流水抛 UsageError。
    """
    kept = {
        answer.index: dataclasses.replace(answer, prompt="", reply="", reasoning="")
        for answer in _answers(path)
    }
    with path.open("rb") as file:
        head = json.loads(file.readline())
    return head["identity"], [kept[index] for index in sorted(kept)]


def _answers(path: Path) -> Iterator[Answer]:
    """逐行读出答案。"""
    adapter = TypeAdapter(Answer)
    try:
        with path.open("rb") as file:
            head = _parsed(file.readline())
            if head.get("format") != FORMAT or not isinstance(head.get("identity"), dict):
                message = f"{path}: not the answers of an interrupted run; name the file itself"
                raise UsageError(message)
            for line in file:
                if line.endswith(b"\n"):
                    yield adapter.validate_python(_parsed(line))
    except OSError as error:
        message = f"{path}: {error.strerror}; name the answers_partial.jsonl of an interrupted run"
        raise UsageError(message) from error
    except ValidationError as error:
        message = f"{path}: a line is damaged ({error.error_count()} problems); ask anew"
        raise UsageError(message) from error


def _parsed(line: bytes) -> Row:
    """一行 JSON 对象；不是则为空。"""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
