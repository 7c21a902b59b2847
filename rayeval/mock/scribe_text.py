"""把计划写成 text_completion 的字节：流式的各块与一次性的整体。"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rayeval.mock.frames import DONE, abreast, dumps, event, halves, lane, quoted
from rayeval.mock.logprobs import text_block
from rayeval.mock.plan import Choice, Plan

_HOLE = "\x00hole\x00"


class TextScribe:
    """一次 completions 回答的笔。"""

    def __init__(self, plan: Plan) -> None:
        """记下计划。"""
        self._plan = plan

    def opening(self) -> bytes:
        """要 echo 时先回提示；否则无话。"""
        parts = []
        for choice in self._plan.choices:
            if choice.echo:
                text = "".join(choice.echo)
                parts.append(event(self._chunk(choice.index, text, self._echoed(choice))))
        return b"".join(parts)

    def steps(self) -> Iterator[bytes]:
        """一步一份字节。"""
        return abreast([self._lane(choice) for choice in self._plan.choices])

    def closing(self) -> bytes:
        """要了用量才有的用量块，与 [DONE]。"""
        if not self._plan.call.include_usage:
            return DONE
        return event(self._envelope([]) | {"usage": self._plan.usage()}) + DONE

    def body(self) -> bytes:
        """一次性回答的全部。"""
        choices = [self._choice(choice) for choice in self._plan.choices]
        return dumps(self._envelope(choices) | {"usage": self._plan.usage()})

    def _lane(self, choice: Choice) -> Iterator[bytes]:
        """一个候选的各步，连同收场块。"""
        finish = self._chunk(choice.index, "", None, choice.finish)
        finish["choices"][0]["stop_reason"] = choice.stop_reason
        return lane(self._frames(choice), event(finish))

    def _frames(self, choice: Choice) -> Iterator[bytes]:
        """一个候选的各词元块。"""
        pieces = [piece for segment in choice.segments for piece in segment.pieces]
        top = self._plan.call.logprobs
        if top is None:
            before, after = halves(self._chunk(choice.index, _HOLE, None), _HOLE)
            yield from (before + quoted(piece) + after for piece in pieces)
            return
        where, start = len("".join(choice.echo)), len(choice.echo)
        for position, piece in enumerate(pieces, start=start):
            yield event(self._chunk(choice.index, piece, text_block([piece], top, where, position)))
            where += len(piece)

    def _echoed(self, choice: Choice) -> Any:
        """echo 那一块的对数概率；没要则为 None。"""
        top = self._plan.call.logprobs
        return None if top is None else text_block(choice.echo, top, 0, 0, blind=1)

    def _chunk(self, index: int, text: str, logprobs: Any, finish: str | None = None) -> Any:
        """一个流式块。"""
        choice = {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}
        return self._envelope([choice])

    def _envelope(self, choices: list[Any]) -> dict[str, Any]:
        """每一块都有的外壳。"""
        plan = self._plan
        return {
            "id": plan.reply_id,
            "object": "text_completion",
            "created": plan.created,
            "model": plan.call.model,
            "choices": choices,
        }

    def _choice(self, choice: Choice) -> dict[str, Any]:
        """一次性回答的一个候选。"""
        pieces = [piece for segment in choice.segments for piece in segment.pieces]
        whole = choice.echo + pieces
        top = self._plan.call.logprobs
        blind = 1 if choice.echo else 0
        return {
            "index": choice.index,
            "text": "".join(whole),
            "logprobs": None if top is None else text_block(whole, top, 0, 0, blind),
            "finish_reason": choice.finish,
            "stop_reason": choice.stop_reason,
        }
