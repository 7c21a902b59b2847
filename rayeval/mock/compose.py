"""作答：Call → Plan。决定每个候选说什么，再按停止串与长度裁好。"""

from __future__ import annotations

import time
from collections.abc import Iterator

from rayeval.mock import corpus, tokenizer
from rayeval.mock.answers import answer, think
from rayeval.mock.call import Call, Turn
from rayeval.mock.dice import roll, shuffler
from rayeval.mock.pacer import offsets
from rayeval.mock.plan import CONTENT, REASONING, TOOL, Choice, Plan, Segment
from rayeval.mock.quiz import Quiz
from rayeval.mock.schema import guided_text
from rayeval.mock.settings import Settings
from rayeval.mock.talk import Talk, language
from rayeval.mock.tools import Invocation, invocations

_NS = 1_000_000


class Composer:
    """作答的人；同样的种子、同样的请求，给同样的计划（节拍的抖动除外）。"""

    def __init__(self, settings: Settings) -> None:
        """读题库；读不了抛 OSError 或 ValueError。"""
        self._settings = settings
        self._quiz = Quiz.load(settings.answer_key, settings.accuracy, settings.seed)

    def compose(self, call: Call, seq: int, nonce: str) -> Plan:
        """写出计划；`seq` 只影响节拍与无种子的采样，`nonce` 只进编号。"""
        talks = _talks(call)
        choices = [
            self._choice(
                call, talk, index=place * call.n + number, number=number, seq=seq, nonce=nonce
            )
            for place, talk in enumerate(talks)
            for number in range(call.n)
        ]
        prefix = "chatcmpl-" if call.chat else "cmpl-"
        return Plan(
            call=call,
            reply_id=prefix + nonce,
            created=int(time.time()),
            reasoning_key=self._settings.reasoning_key,
            prompt_tokens=call.prompt_tokens,
            choices=choices,
            offsets=offsets(self._settings, seq),
            opening_offset=round(self._settings.role_ms * _NS),
        )

    def _choice(
        self, call: Call, talk: Talk, *, index: int, number: int, seq: int, nonce: str
    ) -> Choice:
        """一个候选：推理、工具或正文，然后裁好。"""
        key = self._key(call, talk, number, seq)
        segments = []
        if call.thinking:
            segments.append(Segment(REASONING, _biased(_thought(talk, key), call)))
        choice = Choice(index, segments)
        called = invocations(call, talk.last, key) if call.tools else []
        if called:
            segments += _tool_segments(called, nonce, index)
            choice.finish = "stop" if call.tool_choice == "named" else "tool_calls"
        else:
            segments.append(Segment(CONTENT, tokenizer.split(self._text(call, talk, key))))
        if not call.chat and call.echo:
            choice.echo = tokenizer.split(talk.last)
        return _fitted(choice, call, talk, free=not called and call.guide is None, key=key)

    def _text(self, call: Call, talk: Talk, key: int) -> str:
        """正文：受约束的按约束写，选择题照题库，其余对话。"""
        if call.guide is not None:
            return guided_text(call.guide, talk.last, shuffler(key))
        reply = self._quiz.reply(talk.last) if talk.last else None
        reply = answer(talk, shuffler(key)) if reply is None else reply
        return reply if call.chat or language(talk.last) != "en" else f" {reply}"

    def _key(self, call: Call, talk: Talk, number: int, seq: int) -> int:
        """采样的由头：温度 0 只看内容；有种子看种子与候选号；都没有则次次不同。"""
        about = (self._settings.seed, talk.digest, call.penalties)
        if call.temperature == 0:
            return roll(*about)
        if call.seed is not None:
            return roll(*about, call.seed, number)
        return roll(*about, "free", seq, number)


def _thought(talk: Talk, key: int) -> list[str]:
    """推理的词元；另掷一回骰子，正文不因想没想而变。"""
    return tokenizer.split(think(talk, shuffler(key, "think")))


def _talks(call: Call) -> list[Talk]:
    """chat 是一场对话；completions 的每个提示各是一场。"""
    if call.chat:
        return [Talk.of(call.turns)]
    return [Talk.of([Turn("user", prompt)]) for prompt in call.prompts]


def _tool_segments(called: list[Invocation], nonce: str, index: int) -> Iterator[Segment]:
    """每次工具调用一段；编号全局唯一。"""
    for place, one in enumerate(called):
        yield Segment(
            TOOL,
            tokenizer.split(one.arguments),
            tool_index=place,
            tool_id=f"call_{nonce}{index:02x}{place:02x}",
            tool_name=one.name,
        )


def _fitted(choice: Choice, call: Call, talk: Talk, *, free: bool, key: int) -> Choice:
    """依次：偏置、补足长度、停止串、截到 max_tokens。`free` 表示正文可增可改。"""
    if free:
        content = choice.segments[-1]
        content.pieces = _biased(content.pieces, call)
        wanted = call.max_tokens if call.ignore_eos else call.min_tokens
        if (short := wanted - choice.steps) > 0:
            content.pieces += _biased(corpus.filler(language(talk.last), key, short), call)
            _refill(content.pieces, wanted - choice.steps)
    _truncate(choice, call.max_tokens)
    if choice.segments and choice.segments[-1].channel == CONTENT:
        _stop(choice, call)
    return choice


def _refill(pieces: list[str], short: int) -> None:
    """偏置删掉了词元就用句点补齐，长度要恰好。"""
    pieces += ["."] * short


def _biased(pieces: list[str], call: Call) -> list[str]:
    """logit_bias：-100 的词元不出现；100 的词元一直出现。"""
    if not call.bias:
        return pieces
    favourite = [number for number, bias in call.bias.items() if bias >= 100]  # noqa: PLR2004 上限
    if favourite:
        return [tokenizer.decode(favourite[:1])] * len(pieces)
    banned = {number for number, bias in call.bias.items() if bias <= -100}  # noqa: PLR2004 下限
    return [piece for piece in pieces if tokenizer.encode(piece)[0] not in banned]


def _truncate(choice: Choice, limit: int) -> None:
    """至多 limit 个词元，跨段也算；恰好用满也以 length 收场：结束词元还没写下。"""
    if choice.steps < limit:
        return
    kept: list[Segment] = []
    for segment in choice.segments:
        if limit <= 0:
            break
        segment.pieces = segment.pieces[: limit - (segment.channel == TOOL)]
        kept.append(segment)
        limit -= segment.steps
    choice.segments = kept
    choice.finish = "length"


def _stop(choice: Choice, call: Call) -> None:
    """在最早的停止串处截断；它本身不在输出里，但它的词元要计费。"""
    content = choice.segments[-1]
    text = content.text
    hits = [(text.find(stop), -len(stop), stop) for stop in call.stops if stop in text]
    if not hits:
        return
    at, _, stop = min(hits)
    end = at + len(stop)
    generated, length = 0, 0
    while length < end:
        length += len(content.pieces[generated])
        generated += 1
    kept = text[: end if call.keep_stop else at]
    content.pieces = tokenizer.split(kept)
    choice.swallowed = max(0, generated - len(content.pieces))
    choice.finish, choice.stop_reason = "stop", stop
