"""计划一步的故障：正文、推理、收场的原因与节拍。"""

from __future__ import annotations

import itertools
from collections.abc import Callable

from rayeval.mock import tokenizer
from rayeval.mock.plan import CONTENT, REASONING, Choice, Plan, Segment

Change = Callable[[Plan], None]
_NS = 1_000_000_000
_NEVER = 366 * 24 * 3600 * _NS
_BLANK = "  "


def each_choice(change: Callable[[Choice], None]) -> Change:
    """对每个候选做一遍。"""

    def plan(plan: Plan) -> None:
        """依次。"""
        for choice in plan.choices:
            change(choice)

    return plan


def stream_only(change: Change) -> Change:
    """只在流式时犯。"""

    def plan(plan: Plan) -> None:
        """非流式放过。"""
        if plan.call.stream:
            change(plan)

    return plan


def finish(mapping: dict[str, str]) -> Change:
    """收场的原因张冠李戴：原来的 → 错的；"*" 是其余各种。"""

    def one(choice: Choice) -> None:
        """换掉。"""
        choice.finish = mapping.get(choice.finish, mapping.get("*", choice.finish))

    return each_choice(one)


def stop_as_length(choice: Choice) -> None:
    """被停止串截断的报成 length。"""
    if choice.stop_reason is not None:
        choice.finish = "length"


@each_choice
def content_blank(choice: Choice) -> None:
    """正文只有空白。"""
    for segment in choice.segments:
        if segment.channel == CONTENT:
            segment.pieces = [_BLANK]


@each_choice
def last_piece_lost(choice: Choice) -> None:
    """末一个词元没有发出来。"""
    if choice.segments and len(choice.segments[-1].pieces) > 1:
        choice.segments[-1].pieces = choice.segments[-1].pieces[:-1]


@each_choice
def code_points_split(choice: Choice) -> None:
    """每个词元各自解码：非 ASCII 的字成了替换符。"""
    for segment in choice.segments:
        if segment.channel in {CONTENT, REASONING}:
            segment.pieces = [p if p.isascii() else "\ufffd" for p in segment.pieces]


@each_choice
def reasoning_in_content(choice: Choice) -> None:
    """推理连同标签混进正文。"""
    for segment in choice.segments:
        if segment.channel == REASONING:
            segment.channel = CONTENT
            segment.pieces = ["<think>", *segment.pieces, "</think>"]


@each_choice
def reasoning_missing(choice: Choice) -> None:
    """推理没有了，也不在正文里。"""
    choice.segments = [part for part in choice.segments if part.channel != REASONING]


@each_choice
def reasoning_blank(choice: Choice) -> None:
    """推理字段在场，里面只有空白。"""
    for segment in choice.segments:
        if segment.channel == REASONING:
            segment.pieces = [_BLANK] * len(segment.pieces)


@each_choice
def reasoning_last(choice: Choice) -> None:
    """推理跟在正文之后才来。"""
    choice.segments.sort(key=lambda part: part.channel == REASONING)


@each_choice
def answer_missing(choice: Choice) -> None:
    """想完就停：有推理，没有正文。"""
    if any(part.channel == REASONING for part in choice.segments):
        choice.segments = [part for part in choice.segments if part.channel != CONTENT]


@each_choice
def unfinished_reasoning_in_content(choice: Choice) -> None:
    """推理没想完就被长度截断时，已想的跑到正文里。"""
    last = choice.segments[-1] if choice.segments else None
    if choice.finish == "length" and last is not None and last.channel == REASONING:
        half = len(last.pieces) // 2
        choice.segments.append(Segment(CONTENT, last.pieces[half:]))
        last.pieces = last.pieces[:half]


def guided_in_reasoning(plan: Plan) -> None:
    """受约束的输出跑进推理字段，正文空着。"""
    if plan.call.guide is None:
        return
    for choice in plan.choices:
        for segment in choice.segments:
            segment.channel = REASONING


def guided_wrapped(before: str, after: str) -> Change:
    """受约束的输出前后多了话。"""

    def plan(plan: Plan) -> None:
        """加上。"""
        if plan.call.guide is None:
            return
        for segment in (part for choice in plan.choices for part in choice.segments):
            if segment.channel == CONTENT:
                segment.pieces = tokenizer.split(before + segment.text + after)

    return plan


def guided_cut(plan: Plan) -> None:
    """受约束的输出少了结尾，却以 stop 收场。"""
    if plan.call.guide is None:
        return
    for choice in plan.choices:
        if choice.finish != "length":
            choice.segments[-1].pieces = choice.segments[-1].pieces[:-1]


def dripping(seconds: float) -> Change:
    """每个词元都要等这么多秒。"""

    def plan(plan: Plan) -> None:
        """换掉节拍。"""
        plan.offsets = itertools.count(0, round(seconds * _NS))

    return plan


LEAVABLE = stream_only(dripping(0.004))
"""流发得够慢，忙的机器上客户端也来得及中途离开。"""


class Poison:
    """有客户端中途离开，下一个回答就是空白；发得慢些，好让人来得及离开。"""

    def __init__(self) -> None:
        """还没有人离开。"""
        self._poisoned = False

    def left(self) -> None:
        """有人离开了。"""
        self._poisoned = True

    def plan(self, plan: Plan) -> None:
        """中了毒的答一回空白，就好了。"""
        LEAVABLE(plan)
        if self._poisoned:
            self._poisoned = False
            content_blank(plan)


def hanging(plan: Plan) -> None:
    """收下请求，一个字节也不答。"""
    plan.opening_offset = _NEVER
    plan.offsets = itertools.repeat(_NEVER)


def stalling(plan: Plan) -> None:
    """发了几个词元就没了下文，连接也不断。"""
    plan.offsets = itertools.chain([0, 0], itertools.repeat(_NEVER))


@each_choice
def echo_alone(choice: Choice) -> None:
    """回显了提示，就不再续写。"""
    if choice.echo:
        choice.segments = []


@each_choice
def reasoning_cut(choice: Choice) -> None:
    """推理少了后一半。"""
    for segment in choice.segments:
        if segment.channel == REASONING:
            segment.pieces = segment.pieces[: max(1, len(segment.pieces) // 2)]
