"""工具：沾边才调，参数满足 Schema 且取自提问。"""

import json

import pytest
from jsonschema import validate

from rayeval.mock.params import Intake
from rayeval.mock.refusal import Refused
from rayeval.mock.settings import Settings
from rayeval.mock.tools import invocations

INTAKE = Intake(Settings())


def tool(name, description="", **properties):
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": schema},
    }


UNIT = {"type": "string", "enum": ["celsius", "fahrenheit"]}
WEATHER = tool("get_weather", "Get the weather of a city", city={"type": "string"}, unit=UNIT)
CALC = tool("calculate", "Evaluate an expression", expression={"type": "string"})
ADD = tool("add_numbers", "", a={"type": "integer"}, b={"type": "number"})
CLOCK = tool("current_time", "获取当前时间")


def called(text, tools, **fields):
    body = {"messages": [{"role": "user", "content": text}], "tools": tools, **fields}
    call = INTAKE.chat(body)
    schemas = {one["function"]["name"]: one["function"]["parameters"] for one in tools}
    made = [(one.name, json.loads(one.arguments)) for one in invocations(call, text, 0)]
    for name, arguments in made:
        validate(arguments, schemas[name])
    return made


def test_auto_calls_the_tool_that_the_question_is_about():
    made = called("What's the weather in Paris, in fahrenheit?", [CALC, WEATHER])
    assert made == [("get_weather", {"city": "Paris", "unit": "fahrenheit"})]


@pytest.mark.parametrize(
    ("text", "name"),
    [("北京天气怎么样", "get_weather"), ("计算 3*4", "calculate"), ("现在几点了", "current_time")],
)
def test_auto_understands_chinese(text, name):
    assert [made for made, _ in called(text, [WEATHER, CALC, CLOCK])] == [name]


@pytest.mark.parametrize("text", ["Hello, how are you?", "讲个笑话", "Tell me about tools."])
def test_auto_answers_by_itself_what_no_tool_is_about(text):
    assert called(text, [WEATHER, CALC, CLOCK]) == []


def test_several_cities_are_parallel_calls_unless_forbidden():
    text = "Compare the weather in Tokyo and 北京"
    assert [args["city"] for _, args in called(text, [WEATHER])] == ["Tokyo", "北京"]
    assert len(called(text, [WEATHER], parallel_tool_calls=False)) == 1


def test_two_tools_are_called_when_both_are_asked_for():
    made = called("What is the weather in Rome, and calculate 17 * 3.", [WEATHER, CALC])
    assert [name for name, _ in made] == ["get_weather", "calculate"]
    assert made[1][1] == {"expression": "17 * 3"}


def test_numbers_go_to_the_properties_in_turn():
    assert called("add 3 and 4.5", [ADD]) == [("add_numbers", {"a": 3, "b": 4.5})]


def test_required_calls_something_whatever_is_asked():
    assert called("hello", [WEATHER], tool_choice="required")[0][0] == "get_weather"
    assert called("hello", [CLOCK], tool_choice="required") == [("current_time", {})]


def test_none_calls_nothing():
    assert called("weather in Paris", [WEATHER], tool_choice="none") == []


def test_a_named_tool_is_called_and_no_other():
    choice = {"type": "function", "function": {"name": "calculate"}}
    assert [n for n, _ in called("weather in Paris", [WEATHER, CALC], tool_choice=choice)] == [
        "calculate"
    ]


def test_parameters_that_are_no_schema_are_refused_as_tools():
    broken = tool("broken", x={"type": "nothing"})
    with pytest.raises(Refused) as refused:
        called("hello", [broken], tool_choice="required")
    assert refused.value.param == "tools"


def test_after_a_tool_result_auto_calls_nothing():
    history = [
        {"role": "user", "content": "weather in Paris"},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "function": {"name": "get_weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "sunny"},
    ]
    call = INTAKE.chat({"messages": history, "tools": [WEATHER]})
    assert invocations(call, "weather in Paris", 0) == []
