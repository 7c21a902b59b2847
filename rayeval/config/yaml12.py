"""YAML 文本 → 节点树；标量按 YAML 1.2 的核心规则认。

PyYAML 自带的规则是 1.1：`no` 是假、`012` 是十、`1:30` 是九十。这里它们都是字符串或十进制。
"""

from __future__ import annotations

import re
from typing import Any

import yaml

try:
    from yaml._yaml import CParser as _Parser
except ImportError:  # pragma: no cover 只在没有 libyaml 的平台上
    _Parser = None  # type: ignore[assignment,misc]

_TAG = "tag:yaml.org,2002:"
_KINDS = {_TAG + name: name for name in ("str", "int", "float", "bool", "null")}
_CORE = (
    ("bool", r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        "float",
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)",
        list("-+.0123456789"),
    ),
)


class _CoreResolver(yaml.resolver.BaseResolver):
    """只认 YAML 1.2 核心模式的标量。"""


for _name, _pattern, _first in _CORE:
    _CoreResolver.add_implicit_resolver(_TAG + _name, re.compile(rf"^(?:{_pattern})$"), _first)


if _Parser is not None:

    class _Loader(_Parser, _CoreResolver):
        """libyaml 的解析器，配我们的标量规则。"""

        def __init__(self, stream: str) -> None:
            """交代要读的文本。"""
            _Parser.__init__(self, stream)
            _CoreResolver.__init__(self)

else:  # pragma: no cover 只在没有 libyaml 的平台上

    class _Loader(  # type: ignore[no-redef]
        yaml.reader.Reader,
        yaml.scanner.Scanner,
        yaml.parser.Parser,
        yaml.composer.Composer,
        _CoreResolver,
    ):
        """纯 Python 的解析器，配我们的标量规则。"""

        def __init__(self, stream: str) -> None:
            """交代要读的文本。"""
            yaml.reader.Reader.__init__(self, stream)
            yaml.scanner.Scanner.__init__(self)
            yaml.parser.Parser.__init__(self)
            yaml.composer.Composer.__init__(self)
            _CoreResolver.__init__(self)


def compose(text: str) -> yaml.Node | None:
    """一份文本的节点树；空文本为 None。语法不通抛 yaml.YAMLError。"""
    loader: Any = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
    finally:
        loader.dispose()
    return node


def kind_of(node: yaml.ScalarNode) -> str | None:
    """标量的种类：str int float bool null；别的标签为 None。"""
    return _KINDS.get(node.tag)


def constant(kind: str, text: str) -> Any:
    """字符串以外的标量的值。"""
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, 0) if text[:2] in {"0o", "0x"} else int(text)
    return float(text.replace(".", "", 1)) if text.lower().endswith("inf") else float(text)
