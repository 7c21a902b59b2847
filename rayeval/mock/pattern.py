"""正则 → 满足它的文字：顺着标准库的语法树走，遇到做不到的就明说。"""

from __future__ import annotations

import importlib
import random
import re
from typing import Any

from rayeval.mock.refusal import Refused

_parser: Any = importlib.import_module("re._parser")
_TRIES = 60
_PRINTABLE = [chr(code) for code in range(0x20, 0x7F)]
_COMMON = "abcdefghijklmnopqrstuvwxyz"
_CATEGORIES = {
    "CATEGORY_DIGIT": lambda c: c.isdigit(),
    "CATEGORY_NOT_DIGIT": lambda c: not c.isdigit(),
    "CATEGORY_SPACE": lambda c: c.isspace(),
    "CATEGORY_NOT_SPACE": lambda c: not c.isspace(),
    "CATEGORY_WORD": lambda c: c.isalnum() or c == "_",
    "CATEGORY_NOT_WORD": lambda c: not (c.isalnum() or c == "_"),
}


def matching(
    pattern: str, rng: random.Random, *, shortest: int = 0, longest: int | None = None
) -> str:
    """一段满足 pattern（按 search）且长度在界内的文字；做不到抛 Refused。"""
    try:
        compiled, tree = re.compile(pattern), _parser.parse(pattern)
    except re.error as error:
        raise Refused(f"pattern {pattern!r} is not a supported regex: {error}") from None
    for attempt in range(_TRIES):
        writer = _Writer(rng, spread=1 + attempt % 10 + shortest // 2 * (attempt % 3))
        text = writer.sequence(tree)
        fits = shortest <= len(text) and (longest is None or len(text) <= longest)
        if fits and compiled.search(text):
            return text
    raise Refused(f"no text was found for pattern {pattern!r} within its length limits")


class _Writer:
    """一次书写；`spread` 是无上限的重复至多多写几遍。"""

    def __init__(self, rng: random.Random, spread: int) -> None:
        """从没有捕获组开始。"""
        self._rng = rng
        self._spread = spread
        self._groups: dict[int, str] = {}

    def sequence(self, nodes: Any) -> str:
        """依次写各节点。"""
        return "".join(self._node(str(op), value) for op, value in nodes)

    def _node(self, op: str, value: Any) -> str:  # noqa: PLR0911 一种节点一个出口
        """写一个节点；锚不占字，断言写不了。"""
        if op == "LITERAL":
            return chr(value)
        if op in {"ANY", "NOT_LITERAL", "IN"}:
            return self._rng.choice(self._candidates(op, value))
        if op in {"MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"}:
            low, high, body = value
            times = self._rng.randint(low, min(int(high), low + self._spread))
            return "".join(self.sequence(body) for _ in range(times))
        if op == "BRANCH":
            return self.sequence(self._rng.choice(value[1]))
        if op == "SUBPATTERN":
            text = self.sequence(value[3])
            self._groups[value[0] or 0] = text
            return text
        if op == "ATOMIC_GROUP":
            return self.sequence(value)
        if op == "GROUPREF":
            return self._groups.get(value, "")
        if op == "AT":
            return ""
        raise Refused(f"regex construct {op} is not supported; write the pattern without it")

    def _candidates(self, op: str, value: Any) -> list[str]:
        """一个字的候选；优先小写字母，免得满纸符号。"""
        if op == "IN":
            return _members(value)
        return [c for c in _COMMON if op == "ANY" or ord(c) != value]


def _members(items: Any) -> list[str]:
    """字符类的成员；取反的在可打印字符里找；大区间只取头 256 个。"""
    negated = bool(items) and str(items[0][0]) == "NEGATE"
    tests: list[Any] = []
    listed: list[str] = []
    for op, value in items[1:] if negated else items:
        kind = str(op)
        if kind == "LITERAL":
            listed.append(chr(value))
        elif kind == "RANGE":
            listed += [chr(code) for code in range(value[0], min(value[1], value[0] + 255) + 1)]
        elif kind == "CATEGORY":
            tests.append(_CATEGORIES[str(value)])
    inside = listed + [c for c in _PRINTABLE if any(test(c) for test in tests)]
    if not negated:
        found = inside
    else:
        found = [c for c in _COMMON if c not in inside] or [
            c for c in _PRINTABLE if c not in inside
        ]
    if not found:
        raise Refused("a character class of the pattern matches no printable character")
    return found
