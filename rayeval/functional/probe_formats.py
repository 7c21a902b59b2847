"""结构化输出的差分探测：JSON 对象、JSON Schema、语法与词表的约束。"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema

from rayeval.functional.exchange import Json
from rayeval.functional.probing import Asker, Probe, Trial, probe, seen

_WORD = "kx7"


def _json_object(ask: Asker) -> Trial:
    """json_object：提示要散文，来的仍是 JSON 对象。"""
    form = {"type": "json_object"}
    prompt = "Describe a cat in plain words; do not write JSON."
    content = (ask.answer(prompt, response_format=form).content or "").strip()
    return seen(content.startswith("{"), "a JSON object", f"not JSON: {content[:100]!r}")


def _object(properties: Json) -> Json:
    """不许多余字段的对象 schema。"""
    required = list(properties)
    closed = {"type": "object", "additionalProperties": False}
    return closed | {"properties": properties, "required": required}


SCHEMA = _object({_WORD: {"type": "string", "enum": ["qq9"]}})
KEYWORDS: dict[str, tuple[str, Json]] = {
    "maximum": ("a score of 1000", _object({"a": {"type": "integer", "maximum": 5}})),
    "pattern": (
        "the code hello",
        _object({"a": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3}$"}}),
    ),
    "additionalProperties": ("the keys a, b, c, d", _object({"a": {"type": "boolean"}})),
    "maxItems": (
        "a list of ten numbers",
        _object({"a": {"type": "array", "items": {"type": "integer"}, "maxItems": 2}}),
    ),
}


def _schema_reply(ask: Asker, prompt: str, schema: Json, **params: Any) -> str:
    """要一个合 schema 的回答：合则空串，不合则说来了什么。"""
    content = (ask.answer(prompt, **params).content or "").strip()
    try:
        jsonschema.validate(json.loads(content), schema)
    except (ValueError, RecursionError):
        return f"not JSON: {content[:100]!r}"
    except jsonschema.ValidationError as error:
        return f"{error.message[:150]} in {content[:100]!r}"
    return ""


def _format(schema: Json) -> Json:
    """response_format 的 json_schema 形式。"""
    named = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": named}}


def _guided(ask: Asker) -> Trial:
    """json_schema：回答只能是那一个古怪的值。"""
    bad = _schema_reply(ask, "Describe a cat.", SCHEMA, **_format(SCHEMA))
    return seen(not bad, "the answer satisfies a schema that nobody would guess", bad)


def _guided_keywords(ask: Asker) -> Trial:
    """schema 的各个关键字：提示叫它违反，来的仍合式。"""
    broken = {}
    for keyword, (wish, schema) in KEYWORDS.items():
        prompt = f"Reply with a JSON object that has {wish}."
        if bad := _schema_reply(ask, prompt, schema, **_format(schema)):
            broken[keyword] = bad
    kept = ", ".join(keyword for keyword in KEYWORDS if keyword not in broken)
    said = "; ".join(f"{keyword}: {bad}" for keyword, bad in broken.items())
    return seen(not broken, f"enforced: {kept}", f"not enforced: {said}")


def _guided_json(ask: Asker) -> Trial:
    """vLLM 旧写法的 schema。"""
    bad = _schema_reply(ask, "Describe a cat.", SCHEMA, guided_json=SCHEMA)
    return seen(not bad, "the answer satisfies the schema", bad)


def _exactly(**params: Any) -> Callable[[Asker], Trial]:
    """约束到一个谁也猜不到的词。"""

    def attempt(ask: Asker) -> Trial:
        """内容恰是那个词。"""
        content = (ask.answer(**params).content or "").strip()
        return seen(content == _WORD, f"the answer is {_WORD}", f"the answer is {content[:80]!r}")

    return attempt


_FORMAT = ("response_format", "json_schema", "json_object", "guided", "structured", "schema")
FORMAT_PROBES: tuple[Probe, ...] = (
    probe("json_object", _json_object, *_FORMAT),
    probe("guided", _guided, *_FORMAT),
    probe("guided_keywords", _guided_keywords, *_FORMAT, features=("guided",)),
    probe("guided_choice", _exactly(guided_choice=[_WORD])),
    probe("guided_regex", _exactly(guided_regex=_WORD)),
    probe("guided_json", _guided_json),
    probe("structured_outputs", _exactly(structured_outputs={"choice": [_WORD]})),
    probe("grammar", _exactly(grammar=f'root ::= "{_WORD}"')),
    probe("regex", _exactly(regex=_WORD)),
)
"""结构化输出的各条探测。"""
