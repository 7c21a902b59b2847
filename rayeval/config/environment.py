"""密钥：在一切输出里把它盖住。"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

MASK = "**********"
"""盖住密钥的写法，与 pydantic 的 SecretStr 相同。"""
_SECRET_NAME = re.compile(
    r"(^|[_-])(key|apikey|token|secret|password|passwd|credentials?|authorization|cookie)([_-]|$)",
    re.IGNORECASE,
)
_SECRET_OPTION = re.compile(
    r"^--?(.*[_-])?((api|access|secret|private|auth)[_-]?key|token|secret|password|passwd)$",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+(?=@)")
_SHORTEST_SECRET = 8


def is_secret_name(name: str) -> bool:
    """字段、头或环境变量的名字是否像是装着密钥。"""
    return _SECRET_NAME.search(name) is not None


def redact(spec: Any, secrets: Iterable[str] = ()) -> Any:
    """盖住一棵（由映射、列表、标量组成的）树里的密钥，返回新的树。

    盖住的有：名字像密钥的 env 与 headers；命令里密钥选项的值；URL 里的用户名与密码；
    以及 `secrets` 中不太短的明文在任何字符串里的出现。
    """
    known = sorted({s for s in secrets if len(s) >= _SHORTEST_SECRET}, key=len, reverse=True)
    return _redact(spec, known)


def _redact(value: Any, known: list[str]) -> Any:
    """按形状逐层盖住。"""
    if isinstance(value, dict):
        return {
            key: (
                _redact_named(child, known)
                if key in {"env", "headers"} and isinstance(child, dict)
                else _redact(child, known)
            )
            for key, child in value.items()
        }
    if isinstance(value, list | tuple):
        return [_redact(word, known) for word in _redact_options(list(value))]
    if isinstance(value, str):
        for secret in known:
            value = value.replace(secret, MASK)
        return _USER_INFO.sub(MASK, value)
    return value


def _redact_named(values: dict[str, Any], known: list[str]) -> dict[str, Any]:
    """盖住名字像密钥的项。"""
    return {
        name: MASK if is_secret_name(name) else _redact(value, known)
        for name, value in values.items()
    }


def _redact_options(words: list[Any]) -> list[Any]:
    """盖住 `--api-key X` 与 `--api-key=X` 里的 X。"""
    result: list[Any] = []
    for position, word in enumerate(words):
        previous = words[position - 1] if position else None
        if isinstance(previous, str) and _SECRET_OPTION.match(previous):
            result.append(MASK)
            continue
        if isinstance(word, str) and "=" in word and _SECRET_OPTION.match(word.split("=", 1)[0]):
            word = word.split("=", 1)[0] + "=" + MASK  # noqa: PLW2901 只换值
        result.append(word)
    return result
