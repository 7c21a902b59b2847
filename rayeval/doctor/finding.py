"""一项检查的结论：看到了什么，好不好，怎么修。"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from rayeval.errors import ConfigError, InfrastructureError


class State(StrEnum):
    """一项检查的结局。"""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


_MEND = re.compile(r"; |: (?=(?:put|export|set|give|mend|unset|end|is the) )")


@dataclass(frozen=True, slots=True)
class Finding:
    """一项检查的结论；OK 与 SKIP 不必有 `mend`。

    `exit_code` 是它失败时该有的退出码：配置的错 2，环境的错 3。
    """

    name: str
    state: State
    seen: str
    mend: str = ""
    exit_code: int = InfrastructureError.exit_code


@dataclass(frozen=True, slots=True)
class Told:
    """一项检查自己说的：还没有名字。"""

    state: State
    seen: str
    mend: str = ""


def ok(seen: str) -> Told:
    """好。"""
    return Told(State.OK, seen)


def skip(seen: str) -> Told:
    """用不着查。"""
    return Told(State.SKIP, seen)


def warn(seen: str, mend: str) -> Told:
    """能跑，但该知道。"""
    return Told(State.WARN, seen, mend)


def fail(seen: str, mend: str) -> Told:
    """照这样跑不成。"""
    return Told(State.FAIL, seen, mend)


def split_mend(message: str) -> tuple[str, str]:
    """本项目的报错 `缘故; 修法` 或 `缘故: 动词…` → 两截；看不出修法的，后一截为空。"""
    found = _MEND.search(message)
    return (message[: found.start()], message[found.end() :]) if found else (message, "")


def exit_code(findings: Iterable[Finding]) -> int:
    """没有失败为 0；有配置的错为 2，否则为 3。"""
    codes = {finding.exit_code for finding in findings if finding.state is State.FAIL}
    return ConfigError.exit_code if ConfigError.exit_code in codes else max(codes, default=0)
