"""把一次回复（流式或非流式）归一成 Message：各引擎写法不同，读者只见一种。"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
REASONING_KEYS: tuple[str, ...] = ("reasoning_content", "reasoning")


@dataclass(slots=True)
class ToolCall:
    """一次工具调用；arguments 是未解析的 JSON 文本。"""

    id: str | None = None
    type: str | None = None
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Message:
    """一个 choice 的全部内容；缺席的字段为 None，空串就是空串。"""

    index: int = 0
    role: str | None = None
    content: str | None = None
    reasoning: str | None = None
    reasoning_key: str | None = None
    refusal: str | None = None
    tool_calls: list[ToolCall] = field(default_factory=list)
    finish_reason: str | None = None
    logprobs: list[Any] = field(default_factory=list)


@dataclass(slots=True)
class Completion:
    """一次回复：各 choice、用量、身份、出现过的错误对象。"""

    messages: list[Message]
    usage: Json | None = None
    ids: list[str] = field(default_factory=list)
    model: str | None = None
    error: Any = None

    @property
    def first(self) -> Message:
        """第 0 个 choice；没有则是空 Message。"""
        return self.messages[0] if self.messages else Message()


def from_body(body: Any, keys: Sequence[str] = REASONING_KEYS) -> Completion:
    """非流式回复体 → Completion；形状不对的部分按缺席处理。"""
    if not isinstance(body, dict):
        return Completion([], error=body)
    messages = []
    for choice in body.get("choices") or []:
        message = Message(index=choice.get("index", 0), finish_reason=choice.get("finish_reason"))
        source = choice.get("message")
        source = source if isinstance(source, dict) else {"content": choice.get("text")}
        _merge(message, source, keys)
        _logprobs(message, choice)
        messages.append(message)
    ids = [body["id"]] if body.get("id") else []
    return Completion(
        sorted(messages, key=lambda m: m.index),
        body.get("usage"),
        ids,
        body.get("model"),
        body.get("error"),
    )


def from_chunks(chunks: Iterable[Json], keys: Sequence[str] = REASONING_KEYS) -> Completion:
    """流式各块 → Completion；`usage` 取最后一次出现的非空者。"""
    messages: dict[int, Message] = {}
    result = Completion([])
    for chunk in chunks:
        result.error = result.error or chunk.get("error")
        result.usage = chunk.get("usage") or result.usage
        result.model = result.model or chunk.get("model")
        if chunk.get("id") and chunk["id"] not in result.ids:
            result.ids.append(chunk["id"])
        for choice in chunk.get("choices") or []:
            index = choice.get("index") or 0
            message = messages.setdefault(index, Message(index=index))
            delta = choice.get("delta")
            _merge(
                message, delta if isinstance(delta, dict) else {"content": choice.get("text")}, keys
            )
            _logprobs(message, choice)
            message.finish_reason = choice.get("finish_reason") or message.finish_reason
    result.messages = [messages[index] for index in sorted(messages)]
    return result


def _merge(message: Message, source: Json, keys: Sequence[str]) -> None:
    """把一个 message 或 delta 的字段并进来；两个推理字段都在时只取第一个。"""
    message.role = source.get("role") or message.role
    message.content = _join(message.content, source.get("content"))
    message.refusal = _join(message.refusal, source.get("refusal"))
    candidates = (message.reasoning_key,) if message.reasoning_key else tuple(keys)
    for key in candidates:
        if isinstance(source.get(key), str):
            message.reasoning = _join(message.reasoning, source[key])
            if source[key]:
                message.reasoning_key = key
            break
    for position, part in enumerate(source.get("tool_calls") or []):
        _merge_tool(message.tool_calls, part, position)


def _merge_tool(calls: list[ToolCall], part: Json, position: int) -> None:
    """工具增量按 index 归位；没有 index 的按出现次序。"""
    index = part.get("index")
    index = position if not isinstance(index, int) else index
    while len(calls) <= index:
        calls.append(ToolCall())
    call = calls[index]
    call.id = part.get("id") or call.id
    call.type = part.get("type") or call.type
    function = part.get("function") or {}
    call.name += function.get("name") or ""
    arguments = function.get("arguments")
    call.arguments += arguments if isinstance(arguments, str) else ""


def _logprobs(message: Message, choice: Json) -> None:
    """收集 logprobs.content（chat）或 token_logprobs（completions）。"""
    value = choice.get("logprobs")
    if isinstance(value, dict):
        message.logprobs.extend(value.get("content") or value.get("token_logprobs") or [])


def _join(old: str | None, new: Any) -> str | None:
    """接上一段文本；非字符串不算。"""
    return old if not isinstance(new, str) else (old or "") + new
