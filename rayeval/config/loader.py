"""配置目录 → 各文件的值；所有文件的所有错误一次找全。"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Generic, TypeVar

from rayeval.config import crosscheck
from rayeval.config.diagnosis import build
from rayeval.config.document import Document, beside, read
from rayeval.config.schema import MatrixFile, ProvidersFile, ResetsFile, ScenarioFile
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.model import Model
from rayeval.domain.perf import PerfSpec
from rayeval.errors import ConfigError, Problem

M = TypeVar("M", bound=Model)
_SUFFIXES = (".yaml", ".yml")
_HOME = "scenarios"


@dataclass(frozen=True, slots=True)
class Source(Generic[M]):
    """一份读成了的文件：值，与它来自哪里。"""

    value: M
    path: Path

    def beside(self, name: str) -> str:
        """文件里写的路径 → 绝对路径；相对的从这份文件所在的目录起算，URL 原样。"""
        return beside(self.path, name)


@dataclass(slots=True)
class ConfigTree:
    """一个配置目录的全部内容；档位按文件名（去后缀），场景按 id，次序同矩阵。"""

    root: Path
    matrix: MatrixFile = field(default_factory=MatrixFile)
    providers: ProvidersFile = field(default_factory=ProvidersFile)
    resets: ResetsFile = field(default_factory=ResetsFile)
    scenarios: dict[str, Source[ScenarioFile]] = field(default_factory=dict)
    functional: dict[str, Source[FunctionalSpec]] = field(default_factory=dict)
    perf: dict[str, Source[PerfSpec]] = field(default_factory=dict)
    accuracy: dict[str, Source[AccuracySpec]] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)


class ConfigLoader:
    """读一个配置目录；`env` 是 `${VAR}` 的来源。"""

    def __init__(self, root: Path, env: Mapping[str, str] | None = None) -> None:
        """记下目录；`env` 缺省为本进程的环境。"""
        self._shown = root
        self._root = root.expanduser().resolve()
        self._env = os.environ if env is None else env
        self._problems: list[Problem] = []

    def load(self) -> ConfigTree:
        """读出全部文件；有任何错误则抛 ConfigError，带着全部问题。"""
        tree, problems = self.scan()
        if problems:
            raise ConfigError(problems)
        return tree

    def load_matrix(self) -> MatrixFile:
        """只读 matrix.yaml；有错抛 ConfigError。"""
        self._problems = []
        found = self._single("matrix.yaml", required=not (self._root / _HOME).is_dir())
        matrix = self._value(found, MatrixFile)
        if self._problems:
            raise ConfigError(_first_of_each(self._problems))
        return matrix or MatrixFile()

    def load_resets(self) -> ResetsFile:
        """只读 baseline_resets.yaml，没有这份文件即没有重置；有错抛 ConfigError。"""
        self._problems = []
        resets = self._resets()
        if self._problems:
            raise ConfigError(_first_of_each(self._problems))
        return resets or ResetsFile()

    def _resets(self) -> ResetsFile | None:
        """基线重置的账；没有或读不成为 None。"""
        return self._value(self._single("baseline_resets.yaml", required=False), ResetsFile)

    def scan(self) -> tuple[ConfigTree, list[Problem]]:
        """读出全部文件与全部问题；有问题时值可能不全。"""
        self._problems = []
        tree = ConfigTree(self._root, env=self._env)
        if not self._root.is_dir():
            return tree, [self._no_directory()]
        documents = crosscheck.Documents(
            matrix=self._single("matrix.yaml", required=False),
            providers=self._single("providers.yaml", required=False),
            scenarios=self._folder(_HOME, required=True),
            functional=self._folder("tests/functional", required=False),
            perf=self._folder("tests/perf", required=False),
            accuracy=self._folder("tests/accuracy", required=False),
        )
        if documents.matrix is None:
            self._problems += self._astray()
        tree.matrix = self._value(documents.matrix, MatrixFile) or tree.matrix
        tree.providers = self._value(documents.providers, ProvidersFile) or tree.providers
        tree.resets = self._resets() or tree.resets
        tree.functional = self._values(documents.functional, FunctionalSpec)
        tree.perf = self._values(documents.perf, PerfSpec)
        tree.accuracy = self._values(documents.accuracy, AccuracySpec)
        scenarios = self._values(documents.scenarios, ScenarioFile)
        tree.scenarios = _ordered(scenarios, tree.matrix)
        self._problems += crosscheck.check(documents, str(self._shown), self._env)
        return tree, _first_of_each(self._problems)

    def _no_directory(self) -> Problem:
        """没有这个目录；给的是其中的一份文件，就说该给哪个目录。"""
        message = "no such directory; name the configuration directory with --config"
        if self._root.is_file():
            above = list(self._shown.parents)
            roots = (p for p in above[:3] if (p / "matrix.yaml").exists() or (p / _HOME).is_dir())
            message = f"this is a file; name its directory: --config {next(roots, above[0])}"
        return Problem(str(self._shown), 0, 0, "", message)

    def _astray(self) -> Iterator[Problem]:
        """没有 matrix.yaml 而旁边有个像它的：名字写错了，不能当作没有矩阵。"""
        for path in sorted(self._root.iterdir()):
            if path.suffix in _SUFFIXES and get_close_matches(path.stem, ["matrix"]):
                message = "rayeval does not read this file; did you mean matrix.yaml?"
                yield Problem(str(self._shown / path.name), 0, 0, "", message)

    def _single(self, name: str, *, required: bool) -> Document | None:
        """目录下的一份文件；不存在时为 None。"""
        path = self._root / name
        if path.is_file():
            return self._read(path)
        if required:
            message = "no such file; create it (an empty one runs every scenario with the defaults)"
            self._problems.append(Problem(str(self._shown / name), 0, 0, "", message))
        return None

    def _folder(self, name: str, *, required: bool) -> dict[str, Document]:
        """目录下某个文件夹的全部 YAML，按文件名（去后缀）。"""
        folder = self._root / name
        found: dict[str, Document] = {}
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.suffix not in _SUFFIXES or not path.is_file():
                continue
            if path.stem in found:
                message = f"{found[path.stem].path.name} has the same name; remove one"
                shown = str(self._shown / name / path.name)
                self._problems.append(Problem(shown, 0, 0, "", message))
                continue
            found[path.stem] = self._read(path)
        if required and not found:
            state = "has no *.yaml file" if folder.is_dir() else "no such directory"
            message = f"{state}; add one file for each scenario"
            self._problems.append(Problem(str(self._shown / name), 0, 0, "", message))
        return found

    def _read(self, path: Path) -> Document:
        """读一份文件，收下读时的问题。"""
        shown = self._shown / path.relative_to(self._root)
        document = read(path, str(shown), self._env)
        self._problems += document.problems
        return document

    def _value(self, document: Document | None, shape: type[M]) -> M | None:
        """一份文件的值；不成则收下问题。"""
        if document is None:
            return None
        value, problems = build(document, shape)
        self._problems += problems
        return value

    def _values(self, documents: dict[str, Document], shape: type[M]) -> dict[str, Source[M]]:
        """一个文件夹里读成了的值。"""
        values = {}
        for name, document in documents.items():
            value = self._value(document, shape)
            if value is not None:
                values[name] = Source(value, document.path)
        return values


def _first_of_each(problems: list[Problem]) -> list[Problem]:
    """同一处的同一字段只说最先发现的一条；按文件与行排序。"""
    unique: dict[tuple[object, ...], Problem] = {}
    for problem in problems:
        place = (problem.file, problem.line, problem.column, problem.field)
        unique.setdefault(place if problem.line else (*place, problem.message), problem)
    return sorted(unique.values(), key=lambda p: (p.file, p.line, p.column))


def _ordered(
    scenarios: dict[str, Source[ScenarioFile]], matrix: MatrixFile
) -> dict[str, Source[ScenarioFile]]:
    """按 id 取场景：矩阵点名的在前，其余按文件名。"""
    by_id = {source.value.id: source for source in scenarios.values()}
    named = [name for name in matrix.scenarios if name in by_id]
    return {name: by_id[name] for name in [*named, *(n for n in by_id if n not in named)]}
