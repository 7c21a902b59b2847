"""把一次回复（流式或非流式）归一成 Message：各引擎写法不同，读者只见一种。

这里不判断对错：形状不对的部分一律按缺席处理，对错由读者（用例、判分）去说。
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
REASONING_KEYS: tuple[str, ...] = ("reasoning_content", "reasoning")
_MOST_TOOL_CALLS = 128
"""一条消息至多认这么多个工具调用；更大的 index 是服务写坏了，不能让它撑爆内存。"""


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
    """非流式回复体 → Completion；形状不对的部分按缺席处理，不是对象的回复整个算错误。"""
    if not isinstance(body, dict):
        return Completion([], error=body if body is not None else "not a JSON object")
    return _collect([body], "message", keys)


def from_chunks(chunks: Iterable[Json], keys: Sequence[str] = REASONING_KEYS) -> Completion:
    """流式各块 → Completion；`usage` 取最后一次出现的非空者，`error` 取第一个。"""
    return _collect(chunks, "delta", keys)


def _collect(parts: Iterable[Json], carrier: str, keys: Sequence[str]) -> Completion:
    """把各部分并到一处；`carrier` 是内容所在的字段（message 或 delta），没有时看 text。"""
    messages: dict[int, Message] = {}
    result = Completion([])
    for part in parts:
        result.error = result.error or part.get("error")
        result.usage = _mapping(part.get("usage")) or result.usage
        result.model = result.model or _text(part.get("model"))
        identity = _text(part.get("id"))
        if identity and identity not in result.ids:
            result.ids.append(identity)
        for position, choice in enumerate(_mappings(part.get("choices"))):
            index = _index(choice, position if carrier == "message" else 0)
            message = messages.setdefault(index, Message(index=index))
            source = _mapping(choice.get(carrier))
            _merge(message, {"content": choice.get("text")} if source is None else source, keys)
            _merge_logprobs(message, choice)
            message.finish_reason = _text(choice.get("finish_reason")) or message.finish_reason
    result.messages = [messages[index] for index in sorted(messages)]
    return result


def _merge(message: Message, source: Json, keys: Sequence[str]) -> None:
    """把一个 message 或 delta 的字段并进来；两个推理字段都有内容时只取第一个。"""
    message.role = _text(source.get("role")) or message.role
    message.content = _join(message.content, source.get("content"))
    message.refusal = _join(message.refusal, source.get("refusal"))
    key = message.reasoning_key or _reasoning_key(source, keys)
    if key is not None:
        message.reasoning = _join(message.reasoning, source.get(key))
        message.reasoning_key = key if message.reasoning else None
    for position, part in enumerate(_mappings(source.get("tool_calls"))):
        _merge_tool(message.tool_calls, part, position)


def _reasoning_key(source: Json, keys: Sequence[str]) -> str | None:
    """推理在哪个字段：先找有内容的，再找空串（在场而空），都没有则 None。"""
    present = [key for key in keys if isinstance(source.get(key), str)]
    return next((key for key in present if source[key]), present[0] if present else None)


def _merge_tool(calls: list[ToolCall], part: Json, position: int) -> None:
    """工具增量按 index 归位；没有 index 的按出现次序。"""
    index = _index(part, position)
    if index >= _MOST_TOOL_CALLS:
        return
    while len(calls) <= index:
        calls.append(ToolCall())
    call = calls[index]
    function = _mapping(part.get("function")) or {}
    call.id = _text(part.get("id")) or call.id
    call.type = _text(part.get("type")) or call.type
    call.name += _text(function.get("name")) or ""
    call.arguments += _text(function.get("arguments")) or ""


def _merge_logprobs(message: Message, choice: Json) -> None:
    """收集 logprobs.content（chat）或 token_logprobs（completions）。"""
    value = _mapping(choice.get("logprobs")) or {}
    for key in ("content", "token_logprobs"):
        if isinstance(value.get(key), list) and value[key]:
            message.logprobs.extend(value[key])
            return


def _join(old: str | None, new: Any) -> str | None:
    """接上一段文本；非字符串不算。"""
    return old if not isinstance(new, str) else (old or "") + new


def _text(value: Any) -> str | None:
    """是字符串才要。"""
    return value if isinstance(value, str) else None


def _mapping(value: Any) -> Json | None:
    """是 JSON 对象才要。"""
    return value if isinstance(value, dict) else None


def _mappings(value: Any) -> Iterator[Json]:
    """列表里的 JSON 对象；不是列表则一个也没有。"""
    return (
        (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
    )


def _index(source: Json, default: int) -> int:
    """非负整数的 index；缺席或不像样时用 `default`。"""
    value = source.get("index")
    return value if isinstance(value, int) and value >= 0 else default
