"""故障的施行：一个请求上发作的各个故障，按启动时的次序依次动手。"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rayeval.mock.call import Call
from rayeval.mock.faults.fault import Dose, Fault, Written
from rayeval.mock.faults.tamper import tampered
from rayeval.mock.plan import Plan
from rayeval.mock.playback import Sink
from rayeval.mock.refusal import Refused

Json = dict[str, Any]
_MOST_FORGIVEN = 8
"""一个请求至多宽恕这么多处：每宽恕一处就从头再校验一遍。"""


class Mischief:
    """一个请求上的故障；没有故障时各步原样通过。"""

    def __init__(self, faults: Sequence[Fault] = ()) -> None:
        """记下发作的故障。"""
        self._faults = tuple(faults)

    def __bool__(self) -> bool:
        """有没有故障。"""
        return bool(self._faults)

    def planned(self, body: Json, plan: Callable[[Json], Plan]) -> Plan:
        """作计划；该拒而被宽恕的改过再来，宽恕不了的照抛 Refused。

        先校验原来的请求：参数被无视的服务，写错的参数照样会拒。
        """
        made, body = self._forgiving(body, plan)
        asked = body
        for fault in self._faults:
            asked = asked if fault.ask is None else fault.ask(asked)
        if asked is not body:
            made, _ = self._forgiving(asked, plan)
        for fault in self._faults:
            if fault.plan is not None:
                fault.plan(made)
        return made

    def written(self, refused: Refused) -> Written | None:
        """错误回答的别样写法；没有则 None。"""
        for fault in self._faults:
            if fault.refusal is not None:
                return fault.refusal(refused)
        return None

    def sink(self, sink: Sink, call: Call, cut: Callable[[], None]) -> Sink:
        """套上各故障的出口：先改 JSON，再动字节。"""
        for fault in self._faults:
            if fault.sink is not None:
                sink = fault.sink(sink, cut)
        rewriters = [fault.rewrite(call) for fault in self._faults if fault.rewrite is not None]
        return tampered(sink, rewriters) if rewriters else sink

    def left(self) -> None:
        """客户端在回答中途走了。"""
        for fault in self._faults:
            if fault.left is not None:
                fault.left()

    def _forgiving(self, body: Json, plan: Callable[[Json], Plan]) -> tuple[Plan, Json]:
        """作计划，连同算数的请求体；被拒就问各故障肯不肯宽恕。"""
        for _ in range(_MOST_FORGIVEN):
            try:
                return plan(body), body
            except Refused as refused:
                changed = self._changed(refused, body)
                if changed is None:
                    raise
                body = changed
        return plan(body), body

    def _changed(self, refused: Refused, body: Json) -> Json | None:
        """第一个肯宽恕的给出的请求体；都不肯则 None。"""
        for fault in self._faults:
            changed = None if fault.forgive is None else fault.forgive(refused, body)
            if changed is not None:
                return changed
        return None


_NONE = Mischief()


def mischief(doses: Sequence[Dose], number: int) -> Mischief:
    """第 `number` 个（从 1 起）生成请求上发作的故障。"""
    if not doses:
        return _NONE
    return Mischief([dose.fault for dose in doses if dose.strikes(number)])
