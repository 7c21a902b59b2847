"""应答有真内容：复述、记忆、算术、文体。"""

import random

import pytest

from rayeval.mock.answers import answer, think
from rayeval.mock.call import Turn
from rayeval.mock.talk import Talk, language


def say(*turns):
    roles = {"u": "user", "a": "assistant", "s": "system", "t": "tool"}
    talk = Talk.of([Turn(roles[role], text) for role, text in turns])
    return answer(talk, random.Random(0))


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        ("Repeat after me: The quick brown fox.", "The quick brown fox."),
        ('Please repeat exactly: "one two"', "one two"),
        ("请重复：你好，世界", "你好，世界"),
        ("Say hello.", "hello"),
        ('Reply with only the word "OK".', "OK"),
        ("请只回复：好的", "好的"),
        ("What is 17 + 25?", "17 + 25 = 42"),
        ("计算 12 × 12 等于多少", "12 × 12 = 144"),
        ("What is 7 divided by 2?", "7 divided by 2 = 3.5"),
        ("Count from 1 to 5", "1, 2, 3, 4, 5"),
        ("从3数到1", "3, 2, 1"),
    ],
)
def test_a_plain_task_is_done(request_text, reply):
    assert say(("u", request_text)) == reply


@pytest.mark.parametrize(
    ("first", "question", "value"),
    [
        ("My name is Alice.", "What is my name?", "Alice"),
        ("我叫小明。", "我叫什么名字？", "小明"),
        ("我的名字叫李雷", "我是谁？", "李雷"),
        ("My favourite colour is teal, by the way.", "What is my favourite colour?", "teal"),
        ("请记住数字是7421", "我让你记住的数字是多少？", "7421"),
        ("Remember the number 42.", "Which number did I tell you?", "42"),
        ("我的宠物是一只橘猫。", "我的宠物是什么？", "一只橘猫"),
    ],
)
def test_what_was_said_is_remembered(first, question, value):
    assert value in say(("u", first), ("a", "Noted."), ("u", question))
    assert value not in say(("u", question))


def test_the_later_fact_wins():
    reply = say(("u", "My name is Ann."), ("u", "My name is Bob."), ("u", "What is my name?"))
    assert "Bob" in reply


@pytest.mark.parametrize(
    ("system", "question", "check"),
    [
        ('Always end every reply with "OVER".', "Hi", lambda text: text.endswith("OVER")),
        ("Always end your answer with the word banana.", "Hi", lambda t: t.endswith("banana")),
        ("每次回答都以“喵”结尾。", "你好", lambda text: text.endswith("喵")),
        ("Start every answer with 'Ahoy'.", "Hi", lambda text: text.startswith("Ahoy")),
        ("以“回禀”开头回答。", "你好", lambda text: text.startswith("回禀")),
        ("Answer in upper case.", "Hi", lambda text: text == text.upper()),
        ("Your name is Zorro.", "Who are you?", lambda text: "Zorro" in text),
        ("你叫小爱，是助手。", "你是谁？", lambda text: "小爱" in text),
        ("Always answer in Chinese.", "hello there", lambda text: language(text[20:]) == "zh"),
    ],
)
def test_the_system_message_is_obeyed(system, question, check):
    reply = say(("s", system), ("u", question))
    assert check(reply), reply


def test_a_tool_result_is_in_the_answer():
    reply = say(("u", "天气如何"), ("a", ""), ("t", '{"temp": 23}'), ("t", "晴"))
    assert '{"temp": 23}' in reply
    assert "晴" in reply


def test_emoji_are_given_when_asked_for():
    assert "👨‍👩‍👧" in say(("u", "Answer with some emoji please"))
    assert "🇨🇳" in say(("u", "请给我几个表情符号"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hello", "en"),
        ("你好", "zh"),
        ("请用 Python 写一个函数", "zh"),
        ("你好 please introduce yourself", "mixed"),
        ("🙂", "en"),
        ("", "en"),
    ],
)
def test_the_language_is_seen(text, expected):
    assert language(text) == expected


@pytest.mark.parametrize(("text", "expected"), [("Tell me something", "en"), ("说点什么吧", "zh")])
def test_small_talk_is_in_the_language_of_the_question_and_about_it(text, expected):
    reply = say(("u", text))
    assert language(reply) == expected
    assert text in reply


def test_a_long_answer_is_long():
    assert len(say(("u", "Write a long story"))) > 5 * len(say(("u", "Tell me a joke")))


@pytest.mark.parametrize("text", ["Why is the sky blue?", "天空为什么是蓝的？"])
def test_thinking_is_in_the_language_of_the_question(text):
    talk = Talk.of([Turn("user", text)])
    assert language(think(talk, random.Random(0))) == language(text)
    assert think(talk, random.Random(0)) != answer(talk, random.Random(0))


def test_a_very_long_prompt_is_answered_quickly():
    assert say(("u", "lorem ipsum " * 20_000))
