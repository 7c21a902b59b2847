"""Schema 的一个关键字被无视：把合式的值恰在那个关键字上弄坏，别处不动。"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from rayeval.mock import tokenizer
from rayeval.mock.plan import CONTENT, Plan, Segment
from rayeval.mock.schema import dump

KEYWORDS: dict[str, Callable[[Any, Any], Any]] = {
    "maximum": lambda _, most: most + 1,
    "minimum": lambda _, least: least - 1,
    "enum": lambda _, __: "none of them",
    "pattern": lambda _, __: "hello world",
    "maxLength": lambda value, most: value + "x" * (most + 1 - len(value)),
    "minLength": lambda _, __: "",
    "maxItems": lambda value, most: (value * (most + 1))[: most + 1] if value else value,
    "minItems": lambda _, __: [],
    "required": lambda value, names: {k: v for k, v in value.items() if k not in names[:1]},
    "additionalProperties": lambda value, more: value if more else value | {"extra": "field"},
    "type": lambda value, _: str(value) if isinstance(value, bool | int | float) else value,
}
"""关键字 → 由合式的值与关键字的值，造一个恰好违反它的值。"""


def ignored(keyword: str) -> Callable[[Plan], None]:
    """写完了的 JSON 在 `keyword` 上违约；没有这个关键字的 Schema、没写完的不动。"""

    def plan(plan: Plan) -> None:
        """逐个候选弄坏。"""
        guide = plan.call.guide
        if guide is None or guide.kind != "json":
            return
        for part in (p for choice in plan.choices for p in choice.segments):
            if part.channel == CONTENT:
                _spoil(part, guide.value, keyword)

    return plan


def spoiled(value: Any, schema: Any, keyword: str) -> Any:
    """`value` 合 `schema`；返回只违反 `keyword` 的值，处处都违反。"""
    if not isinstance(schema, dict):
        return value
    parts = schema.get("properties") or {}
    if isinstance(value, dict):
        value = {key: spoiled(one, parts.get(key), keyword) for key, one in value.items()}
    if isinstance(value, list):
        value = [spoiled(one, schema.get("items"), keyword) for one in value]
    return KEYWORDS[keyword](value, schema[keyword]) if keyword in schema else value


def _spoil(part: Segment, schema: Any, keyword: str) -> None:
    """改写一段正文；截断了的不是 JSON，不动。"""
    try:
        value = msgspec.json.decode(part.text)
    except msgspec.DecodeError:
        return
    part.pieces = tokenizer.split(dump(spoiled(value, schema, keyword)))
