"""一次回复里各块 JSON 的意义：哪些是 token 事件、用量几何、怎样结束；对任何形状都不崩。"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import msgspec

from rayeval.client.openai import explain

Json = dict[str, Any]

_REPORTS = frozenset({"timings", "prefill_time", "decode_time_arr", "meta_info", "time_info"})
"""块里有这些，就带着服务自报的时间。"""
_BROKEN_ENDS = frozenset({"error", "abort"})
"""引擎用来表示“没有做完”的 finish_reason。"""


class Effect(NamedTuple):
    """一个流式块的意义：是不是 token 事件、哪种内容、用量、服务自报、怎样结束。"""

    token: bool
    answer: bool
    reasoning: bool
    usage: Json
    report: Json
    finish_reason: str | None


class Tally:
    """逐块累计。时间是调用者给的戳（秒），不在此处取。

    流式块进 `chunk`，非流式整个回复体进 `body`；两者都不抛异常。
    """

    __slots__ = (
        "answer_events",
        "counts",
        "error",
        "finish_reason",
        "first_answer_s",
        "has_output",
        "last_reasoning_s",
        "reasoning_events",
        "report",
        "stamps",
        "usage",
    )

    def __init__(self) -> None:
        """从空白开始。`stamps` 是有 token 事件的各次读的戳，`counts` 是同一次读里的事件数。"""
        self.stamps: list[float] = []
        self.counts: list[int] = []
        self.report: Json = {}  # 带着用量或服务自报时间的最后一块
        self.first_answer_s: float | None = None
        self.last_reasoning_s: float | None = None
        self.answer_events = 0
        self.reasoning_events = 0
        self.has_output = False
        self.finish_reason: str | None = None
        self.usage: Json = {}
        self.error: str | None = None

    def chunk(self, stamp_s: float, chunk: Json) -> None:
        """收下一个流式块；其中有内容即为一个 token 事件。"""
        answer, reasoning = self._take(chunk, "delta")
        if not (answer or reasoning):
            return
        self.tokens(stamp_s, 1, answer, reasoning)

    def tokens(  # 在热路径上，按位置给
        self, stamp_s: float, number: int, answer: bool, reasoning: bool  # noqa: FBT001
    ) -> None:
        """同一次读里 `number` 个同类的 token 事件。"""
        stamps = self.stamps
        if stamps and stamps[-1] == stamp_s:
            self.counts[-1] += number
        else:
            stamps.append(stamp_s)
            self.counts.append(number)
        self.has_output = True
        if answer:
            self.answer_events += number
            if self.first_answer_s is None:
                self.first_answer_s = stamp_s
        else:
            self.reasoning_events += number
        if reasoning:
            self.last_reasoning_s = stamp_s

    def one(self, stamp_s: float, answer: bool, reasoning: bool) -> None:  # noqa: FBT001 同上
        """又一次读里恰一个 token 事件：`tokens` 的近路，已经不是第一个。"""
        if not self.has_output or (answer and self.first_answer_s is None):
            self.tokens(stamp_s, 1, answer, reasoning)
            return
        self.stamps.append(stamp_s)
        self.counts.append(1)
        if answer:
            self.answer_events += 1
        else:
            self.reasoning_events += 1
        if reasoning:
            self.last_reasoning_s = stamp_s

    @property
    def events(self) -> int:
        """token 事件的总数。"""
        return self.answer_events + self.reasoning_events

    def take(self, stamp_s: float, effect: Effect) -> None:
        """收下一个已知意义的流式块，与 `chunk` 同样的结果。"""
        if effect.usage:
            self.usage = effect.usage
        if effect.report:
            self.report = effect.report
        if effect.finish_reason is not None:
            self.finish_reason = effect.finish_reason
        if effect.token:
            self.tokens(stamp_s, 1, effect.answer, effect.reasoning)

    def effect(self) -> Effect | None:
        """只收过一块时，那一块的意义；服务报了错的不算。"""
        if self.error is not None:
            return None
        return Effect(
            token=self.events > 0,
            answer=self.answer_events > 0,
            reasoning=self.last_reasoning_s is not None,
            usage=self.usage,
            report=self.report,
            finish_reason=self.finish_reason,
        )

    def body(self, body: Json) -> None:
        """收下非流式的回复体；没有事件，也就没有首 token 时间。"""
        self._take(body, "message")

    def fail(self, message: str) -> None:
        """记下服务在流里报的错；第一个算数。"""
        self.error = self.error or message

    def _take(self, source: Json, carrier: str) -> tuple[bool, bool]:
        """读错误、用量与各 choice；返回（有回答内容，有推理内容）。"""
        if source.get("error") or source.get("object") == "error":
            self.fail(explain(source, "an error object without a message"))
        usage = source.get("usage")
        if isinstance(usage, dict) and usage:
            self.usage = usage
            self.report = source
        elif not _REPORTS.isdisjoint(source):
            self.report = source
        choices = source.get("choices")
        answer = reasoning = False
        if isinstance(choices, list):
            for choice in choices:
                if isinstance(choice, dict):
                    found = self._choice(choice, carrier)
                    answer, reasoning = answer or found[0], reasoning or found[1]
        self.has_output = self.has_output or answer or reasoning
        return answer, reasoning

    def _choice(self, choice: Json, carrier: str) -> tuple[bool, bool]:
        """一个 choice：（有回答内容，有推理内容）。"""
        reason = choice.get("finish_reason")
        if isinstance(reason, dict):
            reason = reason.get("type")
        if isinstance(reason, str) and reason:
            self.finish_reason = reason
            if reason in _BROKEN_ENDS:
                self.fail(f"finish_reason is {reason}")
        part = choice.get(carrier)
        if not isinstance(part, dict):
            return _filled(choice.get("text")), False
        answer = (
            _filled(part.get("content"))
            or _filled(part.get("refusal"))
            or _calls(part.get("tool_calls"))
            or _filled(choice.get("text"))
        )
        return answer, _filled(part.get("reasoning")) or _filled(part.get("reasoning_content"))


def decode(data: bytes) -> Any:
    """一段 JSON → 值；坏 UTF-8 按替换字符读（SSE 的规则），不是 JSON 时抛 ValueError。"""
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        pass
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except RecursionError as error:
        raise ValueError("JSON is nested too deeply") from error


def count(source: Any, *path: str) -> int | None:
    """沿 `path` 取一个非负整数；路上形状不对或值不像数目时为 None。"""
    for key in path:
        if not isinstance(source, dict):
            return None
        source = source.get(key)
    if isinstance(source, bool) or not isinstance(source, (int, float)):
        return None
    if source != source or not 0 <= source < 2**31:  # noqa: PLR0124 NaN
        return None
    return int(source)


def _filled(value: Any) -> bool:
    """非空的文本，或非空的分段列表里有一段非空文本。"""
    if isinstance(value, list):
        return any(_filled(p.get("text") if isinstance(p, dict) else p) for p in value)
    return isinstance(value, str) and value != ""


def _calls(value: Any) -> bool:
    """工具调用里有非空的名字或参数。"""
    if not isinstance(value, list):
        return False
    for part in value:
        function = part.get("function") if isinstance(part, dict) else None
        if isinstance(function, dict) and (
            _filled(function.get("name")) or _filled(function.get("arguments"))
        ):
            return True
    return False
