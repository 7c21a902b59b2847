"""JSON Schema 的值真的满足 Schema，由独立的校验器作证。"""

import json
import random
import re

import pytest
from jsonschema import Draft202012Validator

from rayeval.mock.call import Guide
from rayeval.mock.pattern import matching
from rayeval.mock.refusal import Refused
from rayeval.mock.schema import SchemaWriter, guided_text

TREE = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}, "maxItems": 2},
                "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/node"}]},
            },
            "required": ["name", "children", "next"],
            "additionalProperties": False,
        }
    },
    "$ref": "#/$defs/node",
}
PERSON = {
    "type": "object",
    "properties": {
        "姓名": {"type": "string", "minLength": 2, "maxLength": 4},
        "性别": {"enum": ["男", "女"]},
        "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 3},
        "score": {"type": "number", "exclusiveMinimum": 0.1, "maximum": 0.2},
        "phone": {"type": "string", "pattern": "^1[3-9]\\d{9}$"},
        "tags": {
            "type": "array",
            "items": {"enum": ["a", "b", "c"]},
            "minItems": 3,
            "maxItems": 3,
            "uniqueItems": True,
        },
        "note": {"type": ["string", "null"], "maxLength": 3},
    },
    "required": ["姓名", "性别", "age", "score", "phone", "tags", "note"],
    "additionalProperties": False,
}
SCHEMAS = [
    PERSON,
    TREE,
    True,
    {},
    {"const": {"答案": 42}},
    {"type": "integer", "multipleOf": 7, "minimum": 50, "maximum": 60},
    {"type": "number", "multipleOf": 0.1, "minimum": 0.25, "maximum": 3},
    {"type": "number", "minimum": 1.001, "maximum": 1.002},
    {"type": "integer", "exclusiveMinimum": -1, "exclusiveMaximum": 1},
    {"type": "integer", "maximum": -500},
    {"type": "string", "format": "date"},
    {"type": "string", "pattern": "(foo|bar)[0-9]+", "minLength": 12, "maxLength": 14},
    {"type": "string", "minLength": 50, "maxLength": 50},
    {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "maxItems": 2},
    {"type": "array", "contains": {"const": 5}, "items": {"type": "integer"}, "minItems": 2},
    {"type": "array", "items": {"type": "boolean"}, "maxItems": 0, "minItems": 0},
    {"type": "object", "minProperties": 3, "properties": {"a": {"type": "null"}}},
    {"type": "object", "additionalProperties": {"type": "integer"}, "required": ["x"]},
    {"type": "object", "maxProperties": 1, "properties": {"a": {}, "b": {}, "c": {}}},
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    },
    {"oneOf": [{"type": "string", "maxLength": 2}, {"type": "integer", "minimum": 9}]},
    {"properties": {"x": {"type": "string"}}, "required": ["x"]},
    {"definitions": {"a/b": {"enum": [1, 2]}}, "$ref": "#/definitions/a~1b"},
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: json.dumps(schema)[:40])
def test_values_satisfy_their_schema_whatever_the_seed(schema):
    validator = Draft202012Validator(schema)
    for seed in range(40):
        text = guided_text(Guide("json", schema), "", random.Random(seed))
        validator.validate(json.loads(text))


def test_the_same_seed_writes_the_same_value():
    texts = {guided_text(Guide("json", PERSON), "", random.Random(5)) for _ in range(3)}
    assert len(texts) == 1


def test_chinese_keys_get_chinese_words():
    value = SchemaWriter(
        {"properties": {"地址": {"type": "string"}}, "required": ["地址"]}, random.Random(0)
    )
    assert re.search("[\u4e00-\u9fff]", value.value()["地址"])


@pytest.mark.parametrize(
    "schema",
    [
        False,
        {"not": {"type": "string"}},
        {"$ref": "#/$defs/missing"},
        {"$ref": "https://example.com/other.json"},
        {"$ref": "#"},
        {"type": "strnig"},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "number", "minimum": 1, "exclusiveMaximum": 1},
        {"type": "integer", "minimum": 3, "maximum": 4, "multipleOf": 5},
        {"type": "string", "pattern": "(?=a)b"},
        {"type": "string", "pattern": "("},
        {"type": "string", "pattern": "^a{3}$", "maxLength": 2},
        {"type": "string", "minLength": 3, "maxLength": 2},
        {"type": "array", "items": {"enum": [1]}, "minItems": 2, "uniqueItems": True},
        {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#"}}},
        {"type": "number", "multipleOf": 0},
        {"type": "number", "minimum": "five"},
        {"properties": ["a"], "required": ["a"]},
        {"enum": 5},
        {"anyOf": {"a": 1}},
        {"type": "array", "minItems": "two"},
    ],
    ids=lambda schema: json.dumps(schema)[:40],
)
def test_what_cannot_be_satisfied_is_refused_not_faked(schema):
    with pytest.raises(Refused):
        guided_text(Guide("json", schema), "", random.Random(0))


@pytest.mark.parametrize(
    "pattern",
    [
        r"^[A-Z]{2}\d{3}-(?:foo|bar)?$",
        r"[^a-z]x+?\w\W\s\S\D",
        r"^(a|b)\1$",
        r"^\d{4}-(0[1-9]|1[0-2])$",
        r"^[\u4e00-\u9fa5]{2,4}$",
        r"colou?r",
        r"^.{5}$",
        r"^[^abc]$",
        "",
    ],
)
def test_texts_match_their_pattern_whatever_the_seed(pattern):
    for seed in range(30):
        assert re.search(pattern, matching(pattern, random.Random(seed)))


def test_a_regex_guide_matches_as_a_whole():
    for seed in range(20):
        text = guided_text(Guide("regex", r"[a-c]{2}|\d"), "", random.Random(seed))
        assert re.fullmatch(r"[a-c]{2}|\d", text)


def test_a_choice_guide_is_one_of_the_choices():
    choices = ["正面", "负面"]
    assert {
        guided_text(Guide("choice", choices), "", random.Random(seed)) for seed in range(20)
    } == set(choices)


def test_a_free_object_uses_the_keys_that_the_prompt_names():
    text = guided_text(Guide("object"), 'JSON with keys "city" and “人口”', random.Random(0))
    assert list(json.loads(text)) == ["city", "人口"]
    assert json.loads(guided_text(Guide("object"), "anything", random.Random(0)))
