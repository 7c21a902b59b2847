"""`${VAR}` 的代入：配置的标量与 Kubernetes 清单用同一套写法。"""

from __future__ import annotations

import re
from collections.abc import Mapping

_REFERENCE = re.compile(r"\$(?P<escape>\$\{)|\$\{(?P<body>[^}]*)(?P<close>\}?)")
_BODY = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<fallback>:-(?P<default>.*))?", re.DOTALL)


class UnsetVariable(ValueError):  # noqa: N818 说的是变量，不是错误的种类
    """`${…}` 无法代入；消息说清是哪个变量、怎么补救。"""


def expand(text: str, env: Mapping[str, str]) -> str:
    """代入 `${VAR}` 与 `${VAR:-default}`；`$${` 写成字面的 `${`。

    默认值在变量未设或为空时生效（同 shell）。不能代入时抛 UnsetVariable。
    """

    def replace(match: re.Match[str]) -> str:
        """换掉一处引用。"""
        if match["escape"]:
            return "${"
        body = _BODY.fullmatch(match["body"])
        if body is None or not match["close"] or "${" in match["body"]:
            msg = (
                f"malformed reference {match[0]!r}; "
                "write ${NAME} or ${NAME:-default}, and $${ for a literal ${"
            )
            raise UnsetVariable(msg)
        value = env.get(body["name"])
        if body["fallback"] is not None:
            return value or body["default"]
        if value is None:
            name = body["name"]
            msg = (
                f"environment variable {name} is not set; "
                f"set it or give a default: ${{{name}:-default}}"
            )
            raise UnsetVariable(msg)
        return value

    return _REFERENCE.sub(replace, text)


def named(text: str) -> set[str]:
    """文本里引用的全部变量名；写坏的引用不算，代入时自会报。"""
    bodies = (match["body"] for match in _REFERENCE.finditer(text) if not match["escape"])
    found = (_BODY.fullmatch(body) for body in bodies)
    return {match["name"] for match in found if match is not None}
