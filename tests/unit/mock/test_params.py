"""请求的校验：该拒的拒，错误点名参数；该收的收。"""

import pytest

from rayeval.mock import messages, tokenizer
from rayeval.mock.params import Intake
from rayeval.mock.refusal import Refused
from rayeval.mock.settings import Settings, parse_jitter

INTAKE = Intake(Settings(models=("mock", "other"), max_model_len=100))
USER = [{"role": "user", "content": "hello"}]
TOOL = {"type": "function", "function": {"name": "get_weather"}}


def chat(**fields):
    return INTAKE.chat({"messages": USER, **fields})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("temperature", value) for value in (-0.1, 2.1, "hot", True, [])),
        *(("top_p", value) for value in (-0.1, 1.1, "x")),
        *(("top_k", value) for value in (-2, 1.5, "x")),
        *(("min_p", value) for value in (-1, 2)),
        *(("presence_penalty", value) for value in (-2.1, 2.1)),
        *(("frequency_penalty", value) for value in (-2.1, 2.1)),
        *(("repetition_penalty", value) for value in (0, -1)),
        *(("n", value) for value in (0, -1, 129, "2", 1.5, True)),
        *(("max_tokens", value) for value in (0, -1, "10", 1.5, 1000)),
        *(("max_completion_tokens", value) for value in (0, -1, "10")),
        *(("min_tokens", value) for value in (-1, "1")),
        *(("seed", value) for value in (1.5, "7", 2**63)),
        *(("stop", value) for value in (5, [5], "", ["a", ""])),
        *(("logit_bias", value) for value in ({"x": 1}, {"1": 101}, {"1": "a"}, [], {"9" * 9: 1})),
        *(("stream", value) for value in ("yes", 1)),
        ("stream_options", {"include_usage": True}),
        ("top_logprobs", 2),
        ("logprobs", 5),
        ("ignore_eos", "x"),
        *(("messages", value) for value in ([], None, "hi", [1], [{"content": "x"}])),
        ("messages", [{"role": "wizard", "content": "x"}]),
        ("messages", [{"role": "user"}]),
        ("messages", [{"role": "user", "content": 5}]),
        ("messages", [{"role": "user", "content": [{"type": "image_url"}]}]),
        ("messages", [{"role": "assistant", "tool_calls": [{"id": "1"}]}]),
        *(("tools", value) for value in ([], {}, [1], [{"type": "x", "function": {}}])),
        ("tools", [{"type": "function", "function": {}}]),
        ("tools", [{"type": "function", "function": {"name": "a", "parameters": 1}}]),
        ("tools", [TOOL, TOOL]),
        ("tool_choice", "required"),
        *(("response_format", value) for value in ({"type": "xml"}, {"type": "json_schema"}, "x")),
        ("response_format", {"type": "json_schema", "json_schema": {"schema": "x"}}),
        *(("guided_json", value) for value in ("{", 5)),
        ("guided_regex", 5),
        *(("guided_choice", value) for value in ([], [1], "x")),
        ("guided_grammar", "root ::= x"),
        ("model", 5),
    ],
)
def test_a_bad_value_is_refused_and_named(name, value):
    with pytest.raises(Refused) as refused:
        chat(**{name: value})
    body = refused.value.body()["error"]
    assert (body["code"], body["type"], body["param"]) == (400, "BadRequestError", name)
    assert name.split("_")[0] in body["message"].lower()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("temperature", value) for value in (0, 0.6, 2, None)),
        *(("top_p", value) for value in (0, 0.1, 1)),
        *(("top_k", value) for value in (-1, 1, 50)),
        *(("presence_penalty", value) for value in (-2, 0, 2)),
        *(("max_tokens", value) for value in (1, 90, 16.0, None)),
        *(("stop", value) for value in ("a", ["a", "停"], [], None)),
        *(("seed", value) for value in (-1, 0, 2**63 - 1)),
        ("logit_bias", {"15": -100}),
        ("n", 2),
        ("response_format", {"type": "text"}),
        ("guided_json", '{"type": "object"}'),
        ("structured_outputs", {"choice": ["a"]}),
        ("an_unknown_field", 1),
        ("tools", None),
        ("messages", [{"role": "assistant", "content": None}]),
        ("messages", [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]),
    ],
)
def test_a_good_value_is_accepted(name, value):
    assert chat(**{name: value}).chat


def test_two_kinds_of_structure_at_once_are_refused():
    with pytest.raises(Refused, match="only one"):
        chat(guided_regex="a", guided_choice=["a"])


def test_min_tokens_above_max_tokens_is_refused():
    with pytest.raises(Refused, match="min_tokens"):
        chat(min_tokens=9, max_tokens=8)


def test_an_unknown_model_is_not_found():
    with pytest.raises(Refused) as refused:
        chat(model="nope")
    assert refused.value.body()["error"]["code"] == 404
    assert refused.value.body()["error"]["type"] == "NotFoundError"


def test_a_prompt_beyond_the_context_says_both_lengths():
    with pytest.raises(Refused, match=r"maximum context length is 100 tokens.*203 in the messages"):
        chat(messages=[{"role": "user", "content": "好" * 200}])


def test_without_max_tokens_the_rest_of_the_context_is_free():
    call = chat()
    assert call.max_tokens == 100 - call.prompt_tokens


def test_max_completion_tokens_wins():
    assert chat(max_completion_tokens=5, max_tokens=9).max_tokens == 5


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("auto", None)),
        ({"tool_choice": "none"}, ("none", None)),
        ({"tool_choice": "required"}, ("required", None)),
        ({"tool_choice": TOOL}, ("named", "get_weather")),
    ],
)
def test_tool_choice_is_read(fields, expected):
    call = chat(tools=[TOOL], **fields)
    assert (call.tool_choice, call.forced_tool) == expected


@pytest.mark.parametrize(
    "choice", ["sometimes", {"type": "function"}, {"function": {"name": "other"}}]
)
def test_a_tool_choice_that_names_nothing_is_refused(choice):
    with pytest.raises(Refused, match="tool"):
        chat(tools=[TOOL], tool_choice=choice)


@pytest.mark.parametrize(
    ("prompt", "sizes"),
    [("hello", [2]), (["hello", "你好"], [2, 2]), ([104, 105], [2]), ([[104], [105, 106]], [1, 2])],
)
def test_prompts_come_in_four_shapes(prompt, sizes):
    call = INTAKE.text({"prompt": prompt})
    assert (len(call.prompts), call.prompt_tokens) == (len(sizes), sum(sizes))
    assert call.max_tokens == 16


@pytest.mark.parametrize("prompt", [None, "", [], 5, [""], [[]], ["a", 5], [-1], [10**9], [True]])
def test_a_bad_prompt_is_refused(prompt):
    with pytest.raises(Refused) as refused:
        INTAKE.text({"prompt": prompt})
    assert refused.value.param == "prompt"


def test_echo_may_generate_nothing():
    assert INTAKE.text({"prompt": "a", "echo": True, "max_tokens": 0}).max_tokens == 0
    with pytest.raises(Refused):
        INTAKE.text({"prompt": "a", "max_tokens": 0})


def test_tokenize_agrees_with_the_usage_of_a_chat():
    body = {"messages": [*USER, {"role": "assistant", "content": "你好"}], "tools": [TOOL]}
    assert len(INTAKE.tokenize(body)) == INTAKE.chat(body).prompt_tokens


def test_tokenize_gives_ids_that_decode():
    assert tokenizer.decode(INTAKE.tokenize({"prompt": "hello 你好"})) == "hello 你好"
    with pytest.raises(Refused):
        INTAKE.tokenize({"prompt": 5})


def test_past_tool_calls_are_part_of_the_prompt():
    call = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = messages.turns([{"role": "assistant", "content": None, "tool_calls": [call]}])
    assert turns[0].calls == ("f",)


@pytest.mark.parametrize("flag", ["template", "request"])
def test_thinking_follows_the_request_before_the_setting(flag):
    always = Intake(Settings(reasoning=True))
    assert always.chat({"messages": USER}).thinking
    assert chat(chat_template_kwargs={"enable_thinking": True}).thinking
    off = {"messages": USER, "chat_template_kwargs": {"enable_thinking": False}}
    assert not always.chat(off).thinking


@pytest.mark.parametrize("text", ["uniform", "uniform:2", "gauss:1", "exp:x", "lognormal:-1"])
def test_a_jitter_that_makes_no_sense_is_refused(text):
    with pytest.raises(ValueError, match=r"jitter|could not convert"):
        parse_jitter(text)
