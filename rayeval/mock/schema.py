"""JSON Schema → 真正满足它的值；做不到的关键字明说，绝不装作满足。"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from typing import Any

from rayeval.mock.call import Guide
from rayeval.mock.pattern import matching
from rayeval.mock.refusal import Refused
from rayeval.mock.scalars import number, string

Json = dict[str, Any]
Hint = Callable[[str, Json], Any]
NO_HINT = object()
_SHALLOW, _DEEPEST = 6, 40
_OFTEN, _SELDOM = 0.7, 0.15
_UNSUPPORTED = ("not", "if", "dependentSchemas", "unevaluatedProperties", "unevaluatedItems")
_MALFORMED = (TypeError, ValueError, LookupError, AttributeError)
_TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


def guided_text(guide: Guide, prompt: str, rng: random.Random) -> str:
    """满足约束的全文；约束做不到时抛 Refused（400）。"""
    if guide.kind == "regex":
        return matching(f"^(?:{guide.value})$", rng)
    if guide.kind == "choice":
        return str(rng.choice(guide.value))
    if guide.kind == "object":
        return dump(free_object(prompt, rng))
    return dump(SchemaWriter(guide.value, rng).value())


def dump(value: Any) -> str:
    """JSON 文本，不转义中文。"""
    return json.dumps(value, ensure_ascii=False)


def free_object(prompt: str, rng: random.Random) -> Json:
    """没有 Schema 的对象：提示里引号括着的词当键。"""
    parts = prompt.replace("“", '"').replace("”", '"').replace("`", '"').split('"')
    keys = [key for key in parts[1::2] if key and len(key) <= 24][:6]  # noqa: PLR2004 键名不会更长
    return {key: string({}, rng, key) for key in keys or ["answer", "reason"]}


class SchemaWriter:
    """按一份 Schema 写值；`hint` 可为对象的某个属性出主意（返回 NO_HINT 为没有）。"""

    def __init__(self, root: Any, rng: random.Random, hint: Hint | None = None) -> None:
        """记下根，$ref 从它找起。"""
        self._root = root
        self._rng = rng
        self._hint = hint

    def value(self) -> Any:
        """满足根 Schema 的一个值；关键字的写法不对也抛 Refused。"""
        try:
            return self._write(self._root, "", 0)
        except _MALFORMED as error:
            raise Refused(f"JSON Schema is malformed: {error}", param="response_format") from None

    def _write(self, schema: Any, name: str, depth: int) -> Any:
        """满足一个子 Schema 的值。"""
        if schema is True or schema == {}:
            return string({}, self._rng, name)
        if not isinstance(schema, dict):
            raise Refused(f"JSON Schema: {schema!r} allows no value", param="response_format")
        if depth > _DEEPEST:
            raise Refused("JSON Schema: its recursion has no end", param="response_format")
        schema = self._flat(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._rng.choice(schema["enum"])
        return self._typed(schema, name, depth)

    def _flat(self, schema: Json, depth: int) -> Json:
        """化去 $ref、allOf、anyOf、oneOf。"""
        for keyword in _UNSUPPORTED:
            if keyword in schema:
                raise Refused(
                    f"JSON Schema keyword {keyword!r} is not supported", param="response_format"
                )
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                rest = {key: value for key, value in schema.items() if key != "$ref"}
                schema = _merged(self._resolve(schema["$ref"]), rest)
            elif "allOf" in schema:
                parts = schema["allOf"]
                schema = {key: value for key, value in schema.items() if key != "allOf"}
                for part in parts:
                    schema = _merged(schema, self._flat(part, depth) if part is not True else {})
            elif "anyOf" in schema or "oneOf" in schema:
                keyword = "anyOf" if "anyOf" in schema else "oneOf"
                branch = self._branch(schema[keyword], depth)
                rest = {key: value for key, value in schema.items() if key != keyword}
                schema = _merged(rest, branch)
            else:
                return schema
        raise Refused("JSON Schema: its references have no end", param="response_format")

    def _branch(self, branches: list[Any], depth: int) -> Json:
        """选一支；深处选不再引用的，免得没完没了。"""
        usable = [{} if b is True else b for b in branches if isinstance(b, dict) or b is True]
        if not isinstance(branches, list) or not usable:
            raise Refused("JSON Schema: no branch allows a value", param="response_format")
        flat = [b for b in usable if "$ref" not in b and "properties" not in b]
        return self._rng.choice(flat if depth > _SHALLOW and flat else usable)

    def _resolve(self, reference: str) -> Json:
        """文内引用。"""
        if not isinstance(reference, str) or not reference.startswith("#"):
            raise Refused(f"JSON Schema: {reference!r} is outside", param="response_format")
        node = self._root
        for part in reference.removeprefix("#").strip("/").split("/"):
            key = part.replace("~1", "/").replace("~0", "~")
            if part:
                node = node.get(key) if isinstance(node, dict) else None
        if not isinstance(node, dict):
            raise Refused(f"JSON Schema: {reference!r} does not exist", param="response_format")
        return node

    def _typed(self, schema: Json, name: str, depth: int) -> Any:
        """按 type 写；没写 type 的从关键字看出来。"""
        kind = self._kind(schema)
        if kind == "object":
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind == "string":
            return string(schema, self._rng, name)
        if kind in {"integer", "number"}:
            return number(schema, self._rng, whole=kind == "integer")
        return None if kind == "null" else self._rng.random() < 0.5  # noqa: PLR2004 一半一半

    def _kind(self, schema: Json) -> str:
        """该写哪种类型；可空的多半不空。"""
        kinds = schema.get("type")
        if isinstance(kinds, list):
            solid = [kind for kind in kinds if kind != "null"]
            empty = "null" in kinds and (not solid or self._rng.random() < _SELDOM)
            kinds = "null" if empty else self._rng.choice(solid)
        if kinds in _TYPES:
            return str(kinds)
        if kinds is not None:
            raise Refused(f"JSON Schema: unknown type {kinds!r}", param="response_format")
        signs = {"properties": "object", "required": "object", "items": "array"}
        signs |= {"prefixItems": "array", "minimum": "number", "maximum": "number"}
        return next((kind for key, kind in signs.items() if key in schema), "string")

    def _object(self, schema: Json, depth: int) -> Json:
        """必需的都写，可选的七成写；键的次序照 properties。"""
        properties = schema.get("properties") or {}
        required = list(schema.get("required") or [])
        fewest = schema.get("minProperties", 0)
        most = schema.get("maxProperties", math.inf)
        optional = [key for key in properties if key not in required]
        chosen = [k for k in optional if depth < _SHALLOW and self._rng.random() < _OFTEN]
        chosen = chosen[: max(0, int(min(most, len(properties) + len(required))) - len(required))]
        short = fewest - len(required) - len(chosen)
        chosen += [key for key in optional if key not in chosen][: max(0, short)]
        extra = schema.get("additionalProperties", True)
        extra = {} if extra is True else extra
        order = [key for key in properties if key in required or key in chosen]
        order += [key for key in required if key not in properties]
        order += [f"extra_{k}" for k in range(max(0, fewest - len(order)))]
        return {key: self._property(key, properties.get(key, extra), depth) for key in order}

    def _property(self, name: str, schema: Any, depth: int) -> Any:
        """一个属性；有人出主意就听他的。"""
        if self._hint is not None and isinstance(schema, dict):
            flat = self._flat(schema, depth)
            hinted = self._hint(name, flat)
            if hinted is not NO_HINT:
                return hinted
        return self._write(schema, name, depth + 1)

    def _array(self, schema: Json, name: str, depth: int) -> list[Any]:
        """个数在界内；要求互异就重写到互异。"""
        prefix = schema.get("prefixItems") or []
        fewest = int(schema.get("minItems", len(prefix) if depth else max(1, len(prefix))))
        most = int(schema.get("maxItems", max(fewest, len(prefix), 3)))
        size = fewest if depth > _SHALLOW else self._rng.randint(fewest, min(most, fewest + 2))
        items: list[Any] = []
        for place in range(size):
            part = prefix[place] if place < len(prefix) else schema.get("items", {})
            part = schema["contains"] if place == 0 and "contains" in schema else part
            items.append(self._item(part, name, depth, items if "uniqueItems" in schema else []))
        return items

    def _item(self, schema: Any, name: str, depth: int, taken: list[Any]) -> Any:
        """一个元素，不与 taken 里的相同。"""
        for _ in range(100):
            value = self._write(schema, name, depth + 1)
            if value not in taken:
                return value
        raise Refused("JSON Schema: not enough different items", param="response_format")


def _merged(one: Json, other: Json) -> Json:
    """两份 Schema 同时成立：属性与必需取并集，其余后者为准。"""
    merged = {**one, **other}
    if "properties" in one and "properties" in other:
        merged["properties"] = {**one["properties"], **other["properties"]}
    if "required" in one and "required" in other:
        merged["required"] = [*dict.fromkeys([*one["required"], *other["required"]])]
    return merged
