"""输出形状的约束从哪来：response_format、guided_*、structured_outputs → Guide。"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from rayeval.mock.call import Guide
from rayeval.mock.fields import Fields, shown, wrong_type
from rayeval.mock.refusal import Refused

_LITERAL = re.compile(r'"([^"\\]+)"')
_GRAMMAR = re.compile(r'\s*root\s*::=\s*"[^"\\]+"(?:\s*\|\s*"[^"\\]+")*\s*')
_EXTRAS = ("json", "regex", "choice", "json_object")


def read_guide(fields: Fields) -> Guide | None:
    """请求里的约束；没有为 None，一个以上或不认识的抛 Refused。"""
    guides = [_format(fields), *_extras(fields.body, "guided_"), *_plain(fields.body)]
    outputs = fields.mapping("structured_outputs")
    guides += _extras(outputs, "")
    named = [guide for guide in guides if guide is not None]
    for name, where in (("guided_grammar", fields.body), ("grammar", outputs)):
        if where.get(name) is not None:
            raise Refused(f"{name} is not supported; use a JSON Schema or a regex", param=name)
    if len(named) > 1:
        raise Refused("only one kind of structured output can be asked for", param="guided_json")
    return named[0] if named else None


def _format(fields: Fields) -> Guide | None:
    """response_format 的三种类型。"""
    value = fields.mapping("response_format")
    if not value:
        return None
    kind = value.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return Guide("object")
    if kind != "json_schema":
        raise Refused(
            f"response_format.type must be text, json_object or json_schema, got {shown(kind)}",
            param="response_format",
        )
    holder = value.get("json_schema")
    schema = holder.get("schema") if isinstance(holder, dict) else None
    if not isinstance(schema, dict | bool):
        raise Refused(
            "response_format.json_schema.schema must be a JSON Schema object",
            param="response_format",
        )
    return Guide("json", schema)


def _extras(body: dict[str, Any], prefix: str) -> list[Guide]:
    """vLLM 的写法：json、regex、choice。"""
    readers: dict[str, Callable[[Any, str], Guide | None]] = {
        "json": _json,
        "regex": _regex,
        "choice": _choice,
        "json_object": lambda value, _: Guide("object") if value else None,
    }
    found = []
    for name in _EXTRAS:
        value = body.get(prefix + name)
        if value is not None:
            found.append(readers[name](value, prefix + name))
    return [guide for guide in found if guide is not None]


def _plain(body: dict[str, Any]) -> list[Guide]:
    """SGLang 的 regex；llama.cpp 的 grammar，只认 `root ::= "甲" | "乙"` 这样的字面备选。"""
    found = []
    if body.get("regex") is not None:
        found.append(_regex(body["regex"], "regex"))
    if (grammar := body.get("grammar")) is not None:
        if not isinstance(grammar, str) or not _GRAMMAR.fullmatch(grammar):
            wanted = 'root ::= "TEXT" | "TEXT", literals without escapes'
            raise Refused(f"grammar: only {wanted}, is supported", param="grammar")
        found.append(Guide("choice", _LITERAL.findall(grammar)))
    return found


def _json(value: Any, name: str) -> Guide:
    """一份 Schema：对象，或写成字符串的对象。"""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise Refused(f"{name} is not valid JSON", param=name) from None
    if not isinstance(value, dict | bool):
        raise wrong_type(name, "a JSON Schema object", value)
    return Guide("json", value)


def _regex(value: Any, name: str) -> Guide:
    """一个正则。"""
    if not isinstance(value, str):
        raise wrong_type(name, "a string", value)
    return Guide("regex", value)


def _choice(value: Any, name: str) -> Guide:
    """一列备选。"""
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise wrong_type(name, "a non-empty list of strings", value)
    return Guide("choice", value)
