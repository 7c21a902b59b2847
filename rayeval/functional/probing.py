"""差分探测的用语：一次试探看出什么，几次试探合成什么结论。"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rayeval.client.assemble import Message
from rayeval.domain.functional import Support
from rayeval.functional.exchange import Exchange, Json
from rayeval.functional.expect import CHAT, broken, refused
from rayeval.functional.recorder import RecordingClient

Trial = tuple[Support, str]
"""一次试探：SUPPORTED、REJECTED、IGNORED，或 UNKNOWN（收下了，看不出），与凭什么。"""
PROMPT = "Write one short sentence about the sea. 用一句话。"
_ENOUGH = 2
_ROOM = 512


@dataclass(frozen=True, slots=True)
class Probe:
    """一项能力怎样探：`names` 是拒绝的话里会点的名；`features` 是场景声明它用的名字。

    `alone` 的要比较几次回答，探它时不能有旁的负载。
    """

    name: str
    names: tuple[str, ...]
    attempt: Callable[[Asker], Trial]
    features: tuple[str, ...] = ()
    alone: bool = False


class Asker:
    """试探时的嘴：带着参数问一句；被点名拒绝的抛 Refused，没点名的拒绝是违约（Broken）。"""

    def __init__(self, client: RecordingClient, names: tuple[str, ...]) -> None:
        """`names` 见 Probe。"""
        self.client = client
        self._names = names

    @property
    def room(self) -> int:
        """够写完一个短答（或一个小 JSON）的 max_tokens。"""
        return max(_ROOM, self.client.answer_tokens)

    def chat(
        self,
        prompt: str | list[Json] = PROMPT,
        *,
        stream: bool = False,
        max_tokens: int | None = 24,
        **params: Any,
    ) -> Exchange:
        """/chat/completions；服务此刻不行时抛 ServiceTrouble。"""
        return self._taken(self.client.chat(prompt, stream=stream, max_tokens=max_tokens, **params))

    def limited(self, field: str, limit: int) -> Exchange:
        """用点名的字段写长度上限，不管场景惯用哪个。"""
        body = self.client.chat_body(PROMPT, max_tokens=None) | {field: limit}
        return self._taken(self.client.post("/chat/completions", body))

    def answer(self, prompt: str | list[Json] = PROMPT, **params: Any) -> Message:
        """问一句，给出写完了的回答；预算全花在推理上、没有答案的抛 Untold。"""
        message = self.chat(prompt, max_tokens=self.room, **params).message
        silent = not (message.content or "").strip() and not message.tool_calls
        if silent and message.reasoning and message.finish_reason == "length":
            raise Untold(f"the limit of {self.room} tokens went into reasoning")
        return message

    def complete(self, prompt: str | list[str] = "The sea is", **params: Any) -> Exchange:
        """向 /completions 问一次，同 chat。"""
        return self._taken(self.client.complete(prompt, **params))

    def text(self, **params: Any) -> str:
        """问一句，给出推理与内容的全文。"""
        message = self.chat(**params).message
        return f"{message.reasoning or ''}\n{message.content or ''}"

    def _taken(self, reply: Exchange) -> Exchange:
        """收下了就原样返回。"""
        if reply.ok:
            return reply
        if refused(reply, self._names):
            raise Refused(f"HTTP {reply.verdict}: {reply.error_message[:300]}")
        raise broken(reply, f"a refusal names what it refuses, one of {list(self._names)}", CHAT)


class Refused(Exception):  # noqa: N818 是被测服务的答复，不是错误
    """参数被点名拒绝。"""


class Untold(Exception):  # noqa: N818 同上
    """收下了，却看不出参数有没有起作用。"""


def conclude(probe: Probe, client: RecordingClient) -> Trial:
    """试两次；两次不同就再试一次，仍有好有坏即 FLAKY。

    被拒与被无视不能一次就定：负载均衡后面的实例可以各不相同。服务此刻不行时抛
    ServiceTrouble，没点名的拒绝抛 Broken：都不是“不支持”。
    """
    trials: list[Trial] = []
    while len(trials) < _ENOUGH or (len(trials) == _ENOUGH and _differ(trials)):
        trials.append(_once(probe, client))
        if trials[-1][0] is Support.UNKNOWN:
            return trials[-1]
    if not _differ(trials):
        return trials[0]
    counts = ", ".join(f"{support.value} ({why})" for support, why in trials)
    return Support.FLAKY, f"equal requests were treated differently: {counts}"


def _once(probe: Probe, client: RecordingClient) -> Trial:
    """试一次。"""
    try:
        return probe.attempt(Asker(client, probe.names))
    except Refused as refusal:
        return Support.REJECTED, str(refusal)
    except Untold as reason:
        return untold(str(reason))


def _differ(trials: list[Trial]) -> bool:
    """几次的结论不一样。"""
    return len({support for support, _ in trials}) > 1


def seen(holds: object, good: str, bad: str) -> Trial:
    """`holds` 为真是起了作用，否则是收下而没有理会。"""
    return (Support.SUPPORTED, good) if holds else (Support.IGNORED, bad)


def untold(why: str) -> Trial:
    """收下了，但这个模型的回答看不出它有没有起作用。"""
    return Support.UNKNOWN, f"accepted, but its effect can't be told: {why}"


def probe(
    name: str,
    attempt: Callable[[Asker], Trial],
    *more: str,
    features: tuple[str, ...] = (),
    alone: bool = False,
) -> Probe:
    """一条；`more` 是拒绝的话里可能点的别的名。"""
    return Probe(name, (name, *more), attempt, (name, *features), alone)
