"""数据 × 形状 → 值，或指着行列、说清期望与改法的问题。"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rayeval.config.document import Document, Where, dotted
from rayeval.config.environment import MASK, is_secret_name, redact
from rayeval.domain.model import Model
from rayeval.errors import Problem

M = TypeVar("M", bound=Model)
_ALTERNATIVES = re.compile(r"^\^\(?([A-Za-z0-9_|-]+)\)?\$$")
_WANTED = {
    "string_type": "a string",
    "tuple_type": "a list",
    "list_type": "a list",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "dict_type": "a mapping",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "finite_number": "a finite number",
}
_MAPPINGS = {"model_type", "model_attributes_type", "dict_type"}
_LONGEST = 80


def build(document: Document, shape: type[M]) -> tuple[M | None, list[Problem]]:
    """按形状读出值；不成时值为 None，问题一次给全。

    期望字符串而写了不带引号的数字、真假值时按原文收下；期望映射而留空时当作没写。
    """
    if document.broken:
        return None, []
    try:
        return shape.model_validate(document.data), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=True)
    if _mend(document, errors):
        return build(document, shape)
    return None, _problems(document, shape, errors)


def did_you_mean(word: str, candidates: Iterable[str]) -> str:
    """像哪一个就问是不是它；都不像则为空串。"""
    close = difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def unknown(kind: str, word: object, candidates: Iterable[str]) -> str:
    """“没有这个 X”：像的给出，不像的把有的列出来。"""
    names = list(candidates)
    hint = did_you_mean(str(word), names)
    return f"unknown {kind} {word!r}" + (hint or f"; known: {', '.join(names) or 'none'}")


def _mend(document: Document, errors: list[ErrorDetails]) -> bool:
    """就地改掉人人都会写、意思又明白的两种写法；改过则返回真。"""
    changed = False
    for error in errors:
        where: Where = error["loc"]
        if where not in document.values or not where:
            continue
        spot = document.values[where]
        parent = document.get(*where[:-1])
        if error["type"] == "string_type" and spot.plain and document.get(*where) is not None:
            parent[where[-1]] = spot.text
            changed = True
        elif error["type"] in _MAPPINGS and isinstance(parent, dict) and parent[where[-1]] is None:
            del parent[where[-1]]
            changed = True
    return changed


def _problems(document: Document, shape: type[Model], errors: list[ErrorDetails]) -> list[Problem]:
    """逐条翻译；读文件时已指出过的地方不再说第二遍，联合类型的几条并成一条。"""
    reported = {(p.line, p.column) for p in document.problems}
    schema = shape.model_json_schema()
    grouped: dict[Where, list[ErrorDetails]] = {}
    for error in errors:
        where = tuple(error["loc"])
        if error["type"] not in {"missing", "extra_forbidden"}:
            while where not in document.values:
                where = where[:-1]
        grouped.setdefault(where, []).append(error)
    problems = []
    for where, group in grouped.items():
        problem = _problem(document, schema, where, group)
        if (problem.line, problem.column) not in reported or group[0]["type"] == "missing":
            problems.append(problem)
    return problems


def _problem(
    document: Document, schema: dict[str, Any], where: Where, group: list[ErrorDetails]
) -> Problem:
    """同一处的几条错误 → 一条问题。"""
    error = group[0]
    kind = error["type"]
    if kind == "missing":
        about = _fields(schema, where[:-1]).get(str(where[-1]), {}).get("description", "")
        text = "required field is missing" + (f" ({about})" if about else "")
        spot = document.spot(where[:-1])
        return Problem(document.shown, spot.line, spot.column, dotted(where), text)
    if kind == "extra_forbidden":
        message = unknown("field", where[-1], _fields(schema, where[:-1]))
        message += _belongs(schema, where)
        return document.problem(where, message, at_key=True)
    if kind == "value_error":
        message = error["msg"].removeprefix("Value error, ")
        named = (*where, message.split()[0].rstrip(","))
        return document.problem(named if named in document.values else where, message)
    wanted = " or ".join(dict.fromkeys(_wanted(e) for e in group))
    return document.problem(where, f"expected {wanted}, got {shown_value(document, where)}")


def _wanted(error: ErrorDetails) -> str:
    """一条 pydantic 错误里期望的东西，附上像的那个取值。"""
    kind, context = error["type"], error.get("ctx", {})
    if kind in {"enum", "literal_error"}:
        names = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        return "one of " + ", ".join(names) + did_you_mean(str(error["input"]), names)
    if kind == "string_pattern_mismatch":
        match = _ALTERNATIVES.match(context["pattern"])
        if match is None:
            return f"text that matches {context['pattern']}"
        names = match[1].split("|")
        return "one of " + ", ".join(names) + did_you_mean(str(error["input"]), names)
    if kind == "too_short":
        return f"at least {context.get('min_length')} value(s)"
    if kind in _WANTED:
        return _WANTED[kind]
    return error["msg"].removeprefix("Input should be ").removeprefix("String should ")


def shown_value(document: Document, where: Where) -> str:
    """写在文件里的原文（不是代入后的），密钥盖住；容器只说种类。"""
    value, spot = document.get(*where), document.values.get(where)
    if isinstance(value, dict):
        return "a mapping" + ('; put "{…}" in quotes' if list(value.values()) == [None] else "")
    if isinstance(value, list):
        return "a list" if value else "an empty list"
    if spot is None or spot.text is None or spot.text == "":
        return "nothing"
    if any(is_secret_name(str(step)) for step in where):
        return MASK
    text: str = redact(spot.text)
    text = text if len(text) <= _LONGEST else text[:_LONGEST] + "…"
    return (text if spot.plain else repr(text)) + (
        " (after expansion)" if "${" in spot.text else ""
    )


def _fields(schema: dict[str, Any], where: Where) -> dict[str, Any]:
    """JSON Schema 里某处的字段：名字 → 子 Schema。"""
    node = schema
    for step in (*where, None):
        node = _resolve(schema, node)
        if step is None:
            break
        if isinstance(step, int):
            node = node.get("items", {})
        else:
            known = node.get("properties", {})
            node = known.get(step) or node.get("additionalProperties") or {}
        node = node if isinstance(node, dict) else {}
    fields: dict[str, Any] = node.get("properties", {})
    return fields


def _belongs(schema: dict[str, Any], where: Where) -> str:
    """写高了一层的字段：说它归在哪一节之下；不是则为空串。"""
    above, name = where[:-1], where[-1]
    sections = [s for s in _fields(schema, above) if name in _fields(schema, (*above, s))]
    return f"; it belongs under {' or '.join(f'{s}:' for s in sections)}" if sections else ""


def _resolve(schema: dict[str, Any], node: dict[str, Any]) -> dict[str, Any]:
    """跟着 $ref 走；可空的取不空的那一支。"""
    while True:
        if "$ref" in node:
            node = schema["$defs"][node["$ref"].rsplit("/", 1)[-1]]
        elif "anyOf" in node:
            node = next(n for n in node["anyOf"] if n.get("type") != "null")
        else:
            return node
