"""故障表与各步的纯函数：名字唯一、坏得恰到好处、别处不动。"""

import json

import jsonschema
import pytest

from rayeval.mock.compose import Composer
from rayeval.mock.faults.fault import Dose
from rayeval.mock.faults.mischief import Mischief
from rayeval.mock.faults.registry import FAULTS, dose, find
from rayeval.mock.faults.schema import KEYWORDS, spoiled
from rayeval.mock.params import Intake
from rayeval.mock.refusal import Refused
from rayeval.mock.settings import Settings

SCHEMA = {
    "type": "object",
    "required": ["name", "tags", "count"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "pattern": "^[A-Z]+$", "minLength": 1, "maxLength": 4},
        "mood": {"enum": ["glad", "sad"]},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "tags": {"type": "array", "minItems": 1, "maxItems": 2, "items": {"type": "boolean"}},
    },
}
VALUE = {"name": "ABC", "mood": "sad", "count": 5, "tags": [True]}


def violated(value):
    return {error.validator for error in jsonschema.Draft202012Validator(SCHEMA).iter_errors(value)}


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_spoiled_value_breaks_the_keyword(keyword):
    assert violated(VALUE) == set()
    broken = violated(spoiled(json.loads(json.dumps(VALUE)), SCHEMA, keyword))
    assert keyword in broken
    assert broken <= {keyword, "pattern", "maxLength"}, "neighbours of a string may fall with it"


@pytest.mark.parametrize("keyword", KEYWORDS)
def test_a_schema_without_the_keyword_is_left_alone(keyword):
    assert spoiled({"a": [1, "x"]}, {"properties": {"a": {}}}, keyword) == {"a": [1, "x"]}
    assert spoiled([1], True, keyword) == [1]


def test_names_are_unique_and_every_fault_does_something():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
    steps = ("ask", "forgive", "plan", "rewrite", "refusal", "sink", "left")
    assert [f.name for f in FAULTS if not any(getattr(f, step) for step in steps)] == []


@pytest.mark.parametrize(
    ("text", "struck"),
    [
        ("hang", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("hang:every=2", [2, 4, 6, 8]),
        ("hang:after=6", [7, 8]),
        ("hang:every=4,burst=2", [3, 4, 7, 8]),
        ("hang:after=2,every=3", [5, 8]),
    ],
)
def test_a_dose_strikes_the_last_of_every_few(text, struck):
    assert [number for number in range(1, 9) if dose(text).strikes(number)] == struck


@pytest.mark.parametrize("fault", [fault for fault in FAULTS if fault.ask], ids=lambda f: f.name)
def test_what_is_ignored_is_still_checked(fault):
    composer, intake = Composer(Settings()), Intake(Settings())
    body = {"messages": [{"role": "user", "content": "Say OK."}], "temperature": "hot"}
    with pytest.raises(Refused) as refused:
        Mischief([fault]).planned(body, lambda body: composer.compose(intake.chat(body), 0, "0"))
    assert refused.value.param == "temperature"


def test_a_dose_finds_its_fault():
    assert dose("hang") == Dose(find("hang"))
