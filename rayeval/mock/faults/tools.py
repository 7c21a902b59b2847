"""工具调用的故障：参数、编号、名字、次数。"""

from __future__ import annotations

from collections.abc import Callable

from rayeval.mock import tokenizer
from rayeval.mock.plan import CONTENT, TOOL, Choice, Plan, Segment


def each_call(change: Callable[[Segment, int], None]) -> Callable[[Plan], None]:
    """对每次调用（与它在这个候选里的次序）做一遍。"""

    def plan(plan: Plan) -> None:
        """依次。"""
        for choice in plan.choices:
            for place, part in enumerate(p for p in choice.segments if p.channel == TOOL):
                change(part, place)

    return plan


@each_call
def arguments_cut(part: Segment, _place: int) -> None:
    """参数少了末一个词元，不再是 JSON。"""
    part.pieces = part.pieces[:-1]


@each_call
def arguments_off_schema(part: Segment, _place: int) -> None:
    """参数是 JSON，却不合 Schema：值都成了一列。"""
    part.pieces = tokenizer.split('{"city": ["Paris"], "a": "one", "b": "two"}')


@each_call
def arguments_not_object(part: Segment, _place: int) -> None:
    """参数是 JSON，却不是对象。"""
    part.pieces = tokenizer.split("null")


@each_call
def index_constant(part: Segment, _place: int) -> None:
    """几次调用的 index 都是 0。"""
    part.tool_index = 0


@each_call
def index_from_one(part: Segment, place: int) -> None:
    """index 从 1 数起。"""
    part.tool_index = place + 1


@each_call
def id_shared(part: Segment, _place: int) -> None:
    """几次调用的 id 是同一个。"""
    part.tool_id = "call_0"


@each_call
def id_empty(part: Segment, _place: int) -> None:
    """调用的 id 是空串。"""
    part.tool_id = ""


@each_call
def name_unknown(part: Segment, _place: int) -> None:
    """调用了没有给出的函数。"""
    part.tool_name = f"functions.{part.tool_name}"


def name_swapped(plan: Plan) -> None:
    """点名的函数换成了给出的另一个。"""
    names = [tool.name for tool in plan.call.tools]
    for part in (p for choice in plan.choices for p in choice.segments if p.channel == TOOL):
        others = [name for name in names if name != part.tool_name]
        part.tool_name = others[0] if others else part.tool_name
        part.pieces = tokenizer.split('{"city": "Paris", "a": 1, "b": 2}')


def calls_merged(plan: Plan) -> None:
    """几次调用只剩第一次。"""
    for choice in plan.choices:
        calls = [part for part in choice.segments if part.channel == TOOL]
        choice.segments = [part for part in choice.segments if part not in calls[1:]]


def calls_unparsed(plan: Plan) -> None:
    """模型写的调用没有解析：原样在正文里。"""
    for choice in plan.choices:
        for part in (p for p in choice.segments if p.channel == TOOL):
            _unparse(choice, part)


def _unparse(choice: Choice, part: Segment) -> None:
    """一次调用变回正文。"""
    text = f'<tool_call>{{"name": "{part.tool_name}", "arguments": {part.text}}}</tool_call>'
    part.channel, part.pieces = CONTENT, tokenizer.split(text)
    choice.finish = "stop"
