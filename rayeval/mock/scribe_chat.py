"""把计划写成 chat.completion 的字节：流式的各块与一次性的整体。"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rayeval.mock.frames import DONE, abreast, dumps, event, halves, lane, quoted
from rayeval.mock.logprobs import chat_entry
from rayeval.mock.plan import CONTENT, REASONING, TOOL, Choice, Plan, Segment

_HOLE = "\x00hole\x00"


class ChatScribe:
    """一次 chat 回答的笔。"""

    def __init__(self, plan: Plan) -> None:
        """记下计划；什么也不先写。"""
        self._plan = plan

    def opening(self) -> bytes:
        """每个候选一个角色块；它不是词元。"""
        delta = {"role": "assistant", "content": ""}
        return b"".join(event(self._chunk(c.index, delta)) for c in self._plan.choices)

    def steps(self) -> Iterator[bytes]:
        """一步一份字节；候选的末步连同它的收场块，长短不一的候选并排走。"""
        return abreast([self._lane(choice) for choice in self._plan.choices])

    def closing(self) -> bytes:
        """要了用量才有的用量块，与 [DONE]。"""
        if not self._plan.call.include_usage:
            return DONE
        usage = self._envelope("chat.completion.chunk", []) | {"usage": self._plan.usage()}
        return event(usage) + DONE

    def body(self) -> bytes:
        """一次性回答的全部。"""
        choices = [self._choice(choice) for choice in self._plan.choices]
        return dumps(self._envelope("chat.completion", choices) | {"usage": self._plan.usage()})

    def _lane(self, choice: Choice) -> Iterator[bytes]:
        """一个候选的各步，连同收场块。"""
        finish = self._chunk(choice.index, {"content": ""}, finish=choice.finish)
        finish["choices"][0]["stop_reason"] = choice.stop_reason
        return lane(self._frames(choice), event(finish))

    def _frames(self, choice: Choice) -> Iterator[bytes]:
        """一个候选的各词元块。"""
        for segment in choice.segments:
            if segment.channel == TOOL:
                yield event(self._chunk(choice.index, self._tool_head(segment)))
            top = self._plan.call.logprobs
            if segment.channel == CONTENT and top is not None:
                yield from self._scored(choice, segment, top)
                continue
            before, after = self._mould(choice, segment)
            for piece in segment.pieces:
                yield before + quoted(piece) + after

    def _mould(self, choice: Choice, segment: Segment) -> tuple[bytes, bytes]:
        """一段的词元块的前后缀。"""
        if segment.channel == TOOL:
            part = {"index": segment.tool_index, "function": {"arguments": _HOLE}}
            return halves(self._chunk(choice.index, {"tool_calls": [part]}), _HOLE)
        key = self._plan.reasoning_key if segment.channel == REASONING else "content"
        return halves(self._chunk(choice.index, {key: _HOLE}), _HOLE)

    def _scored(self, choice: Choice, segment: Segment, top: int) -> Iterator[bytes]:
        """带对数概率的词元块。"""
        for position, piece in enumerate(segment.pieces):
            value = self._chunk(choice.index, {"content": piece})
            value["choices"][0]["logprobs"] = {"content": [chat_entry(piece, position, top)]}
            yield event(value)

    def _tool_head(self, segment: Segment) -> dict[str, Any]:
        """工具调用的开头块：编号、类型、名字，参数还空着。"""
        function = {"name": segment.tool_name, "arguments": ""}
        head = {"index": segment.tool_index, "id": segment.tool_id, "type": "function"}
        return {"tool_calls": [head | {"function": function}]}

    def _chunk(self, index: int, delta: dict[str, Any], finish: str | None = None) -> Any:
        """一个流式块。"""
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finish}
        return self._envelope("chat.completion.chunk", [choice])

    def _envelope(self, kind: str, choices: list[Any]) -> dict[str, Any]:
        """每一块都有的外壳。"""
        plan = self._plan
        return {
            "id": plan.reply_id,
            "object": kind,
            "created": plan.created,
            "model": plan.call.model,
            "choices": choices,
        }

    def _choice(self, choice: Choice) -> dict[str, Any]:
        """一次性回答的一个候选。"""
        pieces = [p for s in choice.segments if s.channel == CONTENT for p in s.pieces]
        top = self._plan.call.logprobs
        scored = top is not None and bool(pieces)
        entries = [chat_entry(p, k, top or 0) for k, p in enumerate(pieces)] if scored else []
        return {
            "index": choice.index,
            "message": self._message(choice, pieces),
            "logprobs": {"content": entries} if scored else None,
            "finish_reason": choice.finish,
            "stop_reason": choice.stop_reason,
        }

    def _message(self, choice: Choice, pieces: list[str]) -> dict[str, Any]:
        """一次性回答的消息：没有内容写 null，而不是空串。"""
        reasoning = choice.text(REASONING) or None
        message: dict[str, Any] = {
            "role": "assistant",
            "content": "".join(pieces) if pieces else None,
            self._plan.reasoning_key: reasoning,
        }
        if not pieces and reasoning is None and not _calls(choice):
            message["content"] = ""
        if _calls(choice):
            message["tool_calls"] = _calls(choice)
        return message


def _calls(choice: Choice) -> list[dict[str, Any]]:
    """一个候选的全部工具调用。"""
    return [
        {
            "id": part.tool_id,
            "type": "function",
            "function": {"name": part.tool_name, "arguments": part.text},
        }
        for part in choice.segments
        if part.channel == TOOL
    ]
