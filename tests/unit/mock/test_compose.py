"""计划：长度、停止串、种子、偏置、推理的预算。"""

import json

import pytest

from rayeval.mock import tokenizer
from rayeval.mock.compose import Composer
from rayeval.mock.params import Intake
from rayeval.mock.plan import CONTENT, REASONING, TOOL
from rayeval.mock.settings import Settings

INTAKE = Intake(Settings())
COMPOSER = Composer(Settings())
TOOL_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": TOOL_SCHEMA}}


def plan(text="Tell me something", seq=0, **fields):
    call = INTAKE.chat({"messages": [{"role": "user", "content": text}], **fields})
    return COMPOSER.compose(call, seq, f"{seq:04x}")


def first(text="Tell me something", **fields):
    return plan(text, **fields).choices[0]


@pytest.mark.parametrize("text", ["hello", "你好", "hello 你好 there my friend"])
@pytest.mark.parametrize("length", [1, 2, 7, 128, 3000])
def test_ignore_eos_gives_exactly_max_tokens(text, length):
    choice = first(text, ignore_eos=True, max_tokens=length)
    assert (choice.tokens, choice.finish) == (length, "length")
    assert tokenizer.count(choice.text(CONTENT)) == length


def test_a_natural_answer_stops_by_itself():
    choice = first(max_tokens=1000)
    assert choice.finish == "stop"
    assert 5 < choice.tokens < 300


def test_max_tokens_cuts_with_length():
    choice = first(max_tokens=3)
    assert (choice.tokens, choice.finish) == (3, "length")


def test_min_tokens_is_reached():
    assert first("Say hello.", min_tokens=50, max_tokens=60).tokens == 50


@pytest.mark.parametrize(
    ("stop", "text", "reason"),
    [("5", "1, 2, 3, 4, ", "5"), (["9", " 3"], "1, 2,", " 3"), (["zz"], None, None)],
)
def test_a_stop_string_ends_the_answer_and_is_not_in_it(stop, text, reason):
    choice = first("Count from 1 to 10", stop=stop)
    whole = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10"
    assert choice.text(CONTENT) == (whole if text is None else text)
    assert (choice.finish, choice.stop_reason) == ("stop", reason)


def test_a_unicode_stop_string_works_and_may_be_kept():
    assert first("Repeat after me: 你好🙂世界", stop="🙂").text(CONTENT) == "你好"
    kept = first("Repeat after me: 你好🙂世界", stop="🙂", include_stop_str_in_output=True)
    assert kept.text(CONTENT) == "你好🙂"


def test_the_tokens_of_the_stop_string_are_billed():
    choice = first("Repeat after me: 一二三四", stop="二三")
    assert (choice.text(CONTENT), choice.tokens) == ("一", 3)


def test_temperature_zero_is_the_same_whenever_asked():
    texts = {first(temperature=0, seq=seq).text(CONTENT) for seq in range(5)}
    assert len(texts) == 1


def test_a_seed_is_the_same_whenever_asked():
    texts = {first(temperature=1, seed=7, seq=seq).text(CONTENT) for seq in range(5)}
    assert len(texts) == 1
    assert first(seed=8).text(CONTENT) not in texts


def test_without_a_seed_answers_differ():
    assert len({first(seq=seq).text(CONTENT) for seq in range(5)}) > 1


def test_n_choices_differ_when_sampled_and_agree_when_greedy():
    sampled = plan(n=3, seed=1)
    assert [choice.index for choice in sampled.choices] == [0, 1, 2]
    assert len({choice.text(CONTENT) for choice in sampled.choices}) > 1
    assert len({choice.text(CONTENT) for choice in plan(n=3, temperature=0).choices}) == 1


def test_penalties_change_what_is_said():
    assert first(temperature=0).text(CONTENT) != first(temperature=0, presence_penalty=1.5).text(
        CONTENT
    )


def test_a_banned_token_never_appears_and_a_forced_one_always_does():
    the, star = tokenizer.encode(" the")[0], ord("*")
    choice = first(logit_bias={str(the): -100}, ignore_eos=True, max_tokens=500)
    pieces = choice.segments[-1].pieces
    assert (" the" in pieces, len(pieces)) == (False, 500)
    assert set(first(logit_bias={str(star): 100}).text(CONTENT)) == {"*"}


def test_reasoning_comes_before_the_answer():
    thinking = {"enable_thinking": True}
    choice = first("Why?", chat_template_kwargs=thinking)
    assert [segment.channel for segment in choice.segments] == [REASONING, CONTENT]
    assert choice.reasoning_tokens > 0


def test_a_budget_that_ends_in_reasoning_leaves_no_answer():
    choice = first("Why?", chat_template_kwargs={"enable_thinking": True}, max_tokens=5)
    assert [segment.channel for segment in choice.segments] == [REASONING]
    assert (choice.tokens, choice.finish) == (5, "length")


def test_a_tool_call_is_cut_by_length():
    choice = first("weather in Paris", tools=[WEATHER], max_tokens=4)
    assert (choice.segments[0].channel, choice.tokens, choice.finish) == (TOOL, 4, "length")
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice.segments[0].text)


@pytest.mark.parametrize(
    ("choice", "finish"),
    [("auto", "tool_calls"), ("required", "tool_calls"), (WEATHER, "stop")],
)
def test_the_finish_reason_of_tools_is_as_in_vllm(choice, finish):
    assert first("weather in Paris", tools=[WEATHER], tool_choice=choice).finish == finish


def test_json_is_cut_by_length():
    schema = {"type": "json_schema", "json_schema": {"schema": TOOL_SCHEMA}}
    assert json.loads(first(response_format=schema).text(CONTENT))
    cut = first(response_format=schema, max_tokens=3)
    assert cut.finish == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.text(CONTENT))


def test_echo_repeats_the_prompt_without_billing_it():
    call = INTAKE.text({"prompt": ["Once upon", "你好"], "echo": True, "max_tokens": 4, "n": 2})
    made = COMPOSER.compose(call, 0, "x")
    assert ["".join(choice.echo) for choice in made.choices] == [
        "Once upon",
        "Once upon",
        "你好",
        "你好",
    ]
    assert [choice.index for choice in made.choices] == [0, 1, 2, 3]
    assert made.usage()["completion_tokens"] == 16
