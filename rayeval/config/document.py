"""YAML 文本 → 数据，外加每个值、每个键在文件里的位置。"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rayeval.config.yaml12 import compose, constant, kind_of
from rayeval.domain.variables import UnsetVariable, expand
from rayeval.errors import Problem

Where = tuple[str | int, ...]
"""值在一份文件里的路径：键与下标的序列。"""


@dataclass(frozen=True, slots=True)
class Spot:
    """一个值在文件里：行、列（从 1 起）、写在那里的原文；映射与列表的原文为 None。"""

    line: int
    column: int
    text: str | None = None
    plain: bool = False


@dataclass(slots=True)
class Document:
    """一份文件：数据、各处的位置、读的时候就发现的问题。

    `shown` 是写在错误里的路径；`broken` 表示语法不通，`data` 不可信。
    """

    path: Path
    shown: str
    data: Any = None
    values: dict[Where, Spot] = field(default_factory=dict)
    keys: dict[Where, Spot] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    broken: bool = False

    def get(self, *where: str | int) -> Any:
        """某处的值；路上缺了什么或形状不对则为 None。"""
        value = self.data
        for step in where:
            if isinstance(value, list) and isinstance(step, int):
                value = value[step] if step < len(value) else None
            else:
                value = value.get(step) if isinstance(value, dict) else None
        return value

    def mapping(self, *where: str | int) -> dict[str, Any]:
        """某处的映射；不是映射则为空。"""
        value = self.get(*where)
        return value if isinstance(value, dict) else {}

    def sequence(self, *where: str | int) -> list[Any]:
        """某处的列表；不是列表则为空。"""
        value = self.get(*where)
        return value if isinstance(value, list) else []

    def spot(self, where: Where) -> Spot:
        """某处的位置；不存在时取最近的上层。"""
        while where and where not in self.values:
            where = where[:-1]
        return self.values.get(where, Spot(1, 1))

    def problem(self, where: Where, message: str, *, at_key: bool = False) -> Problem:
        """指着某处（或它的键）的一条问题。"""
        spot = self.keys[where] if at_key and where in self.keys else self.spot(where)
        return Problem(self.shown, spot.line, spot.column, dotted(where), message)


def dotted(where: Where) -> str:
    """路径写成 `service.command[2]`。"""
    text = ""
    for step in where:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def beside(path: Path, name: str) -> str:
    """`path` 这份文件里写的 `name` → 绝对路径；相对的从文件所在目录起算，URL 原样。"""
    if "://" in name:
        return name
    return str((path.parent / Path(name).expanduser()).resolve())


def read(path: Path, shown: str, env: Mapping[str, str]) -> Document:
    """读一份 YAML；读不了、语法不通、重复的键、代不进的变量都记在 `problems`。"""
    document = Document(path, shown)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        node = compose(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        return _broken(document, Problem(shown, 0, 0, "", f"can't be read: {reason}"))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return _broken(document, Problem(shown, line, 1, "", "is not UTF-8; save it as UTF-8"))
    except yaml.MarkedYAMLError as error:
        return _broken(document, _syntax_problem(shown, text, error))
    except yaml.YAMLError as error:
        reason = str(error).splitlines()[0]
        return _broken(document, Problem(shown, 0, 0, "", f"is not YAML: {reason}"))
    return _filled(document, node, env)


def _filled(document: Document, node: yaml.Node | None, env: Mapping[str, str]) -> Document:
    """把读出的树装进 `document`；空文件是空的映射，嵌套太深的整份不可用。"""
    if node is None:
        document.data = {}
        document.values[()] = Spot(1, 1)
        return document
    try:
        document.data = _Reader(document, env).value(node, ())
    except RecursionError:
        message = "lists or mappings are nested too deeply"
        return _broken(document, Problem(document.shown, 1, 1, "", message))
    return document


def _broken(document: Document, problem: Problem) -> Document:
    """记下整份文件不可用。"""
    document.broken = True
    document.problems.append(problem)
    return document


def _syntax_problem(shown: str, text: str, error: yaml.MarkedYAMLError) -> Problem:
    """语法错误 → 问题；常见的两种笔误附上改法。"""
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    message = f"YAML syntax: {error.problem or error.context}"
    lines = text.splitlines()
    written = lines[line - 1] if 0 < line <= len(lines) else ""
    if "${" in written and ("[" in written or "{" in written.replace("${", "")):
        message += '; inside [ ] and { } write "${NAME}" in quotes'
    elif "\t" in written[: len(written) - len(written.lstrip())]:
        message += "; indent with spaces, not tabs"
    return Problem(shown, line, column, "", message)


class _Reader:
    """把节点树变成数据，一路记下位置与问题。"""

    def __init__(self, document: Document, env: Mapping[str, str]) -> None:
        """写进 `document`，变量取自 `env`。"""
        self._document = document
        self._env = env
        self._open: set[int] = set()

    def value(self, node: yaml.Node, where: Where) -> Any:
        """一个节点的值。"""
        spot = _spot(node)
        self._document.values[where] = spot
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, where)
        if id(node) in self._open:
            return self._complain(where, "an alias must not contain itself")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.value(child, (*where, i)) for i, child in enumerate(node.value)]
            return self._mapping(node, where)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, where: Where) -> dict[str, Any]:
        """映射；键一律按原文当作字符串，重复的键是错误，先到者留下。"""
        result: dict[str, Any] = {}
        for key_node, child in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.values[where] = _spot(key_node)
                self._complain(where, 'a key must be plain text; put "{…}" in quotes')
                continue
            key = key_node.value
            place = (*where, key)
            if key in result:
                first = self._document.keys[place].line
                spot = _spot(key_node)
                self._document.problems.append(
                    Problem(
                        self._document.shown,
                        spot.line,
                        spot.column,
                        dotted(place),
                        f"duplicate key {key!r}; it is already on line {first}",
                    )
                )
                continue
            self._document.keys[place] = _spot(key_node)
            result[key] = self.value(child, place)
        return result

    def _scalar(self, node: yaml.ScalarNode, where: Where) -> Any:
        """标量；字符串代入环境变量，不带引号且代入后为空的算作没写。"""
        kind = kind_of(node)
        if kind is None:
            return self._complain(where, f"the tag {node.tag!r} is not supported; remove it")
        if kind != "str":
            return constant(kind, node.value)
        try:
            text = expand(node.value, self._env)
        except UnsetVariable as error:
            return self._complain(where, str(error))
        return None if not text and not node.style else text

    def _complain(self, where: Where, message: str) -> None:
        """记下一条问题；那里的值当作没有。"""
        self._document.problems.append(self._document.problem(where, message))


def _spot(node: yaml.Node) -> Spot:
    """节点的位置与原文。"""
    mark = node.start_mark
    line, column = mark.line + 1, mark.column + 1
    if isinstance(node, yaml.ScalarNode):
        return Spot(line, column, node.value, not node.style)
    return Spot(line, column)
