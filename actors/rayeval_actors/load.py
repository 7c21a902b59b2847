"""压测者的 Ray 外壳与手柄；外壳只转发，不含逻辑，压测组就是 LoadCrew。"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

import ray
from ray.exceptions import RayActorError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rayeval.domain.load import Counters, Share
from rayeval.perf.crew import Haul, LoadCrew, WorkerLostError
from rayeval.perf.deal import Deal, SharedDeal
from rayeval.perf.inline_crew import SWITCH_S
from rayeval.perf.worker import LoadWorker
from rayeval_actors.deal import DealTable
from rayeval_actors.options import LOAD_ACTOR


class LoadShell:
    """把 LoadWorker 放进一个 actor。"""

    def __init__(self) -> None:
        """一个压测者；缩短线程切换的间隔，答话的线程才不拖住循环。"""
        sys.setswitchinterval(SWITCH_S)
        self._worker = LoadWorker()

    def prepare(self, share: Share, deal: Deal | None) -> None:
        """转发。"""
        self._worker.prepare(share, deal)

    def run(self) -> None:
        """转发；占住一个线程直到跑完。"""
        self._worker.run()

    def counters(self) -> Counters:
        """转发；在另一个线程。"""
        return self._worker.counters()

    def collect(self) -> Haul:
        """转发。"""
        return self._worker.collect()

    def cancel(self) -> None:
        """转发；在另一个线程。"""
        self._worker.cancel()


class RayHand:
    """Hand 的实现：压测者在一个 actor 里。"""

    def __init__(self, actor: Any) -> None:
        """`actor` 是 LoadShell 的句柄；可以还在启动。"""
        self.actor = actor

    def prepare(self, share: Share, deal: Deal | None) -> Future[None]:
        """见端口。"""
        return _answer(self.actor.prepare.remote(share, deal))

    def run(self) -> Future[None]:
        """见端口。"""
        return _answer(self.actor.run.remote())

    def counters(self) -> Future[Counters]:
        """见端口。"""
        return _answer(self.actor.counters.remote())

    def collect(self) -> Future[Haul]:
        """见端口。"""
        return _answer(self.actor.collect.remote())

    def cancel(self) -> None:
        """见端口。"""
        self.actor.cancel.remote()

    def close(self) -> None:
        """见端口。"""
        ray.kill(self.actor)


@contextmanager
def ray_crew(size: int) -> Iterator[LoadCrew]:
    """`size` 个 LoadActor，进入时已在启动，离开时全部收走。"""
    load_actor = ray.remote(LoadShell)
    hands = [
        RayHand(load_actor.options(**LOAD_ACTOR, scheduling_strategy=strategy).remote())
        for strategy in _strategies(size)
    ]
    table = DealTable(size) if size > 1 else None
    crew = LoadCrew(hands, SharedDeal if table is None else table.deal)
    try:
        yield crew
    finally:
        crew.close()
        if table is not None:
            table.close()


def _strategies(size: int) -> list[Any]:
    """轮流放到各节点；有别的节点时避开本节点，那里跑着服务。"""
    here = ray.get_runtime_context().get_node_id()
    nodes = [node["NodeID"] for node in alive_nodes()]
    others = sorted(node for node in nodes if node != here) or [here]
    return [NodeAffinitySchedulingStrategy(others[n % len(others)], soft=True) for n in range(size)]


def alive_nodes() -> list[dict[str, Any]]:
    """活着的节点，Ray 的原始描述。"""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _answer(ref: Any) -> Future[Any]:
    """Ray 的答复 → Future；actor 没了就是压测者没了。"""
    answer: Future[Any] = Future()
    ref.future().add_done_callback(partial(_pass_on, answer))
    return answer


def _pass_on(answer: Future[Any], done: Future[Any]) -> None:
    """把 Ray 的结果或异常交出去；我们自己的异常脱去 Ray 的外衣。"""
    error = done.exception()
    if error is None:
        answer.set_result(done.result())
    elif isinstance(error, RayActorError):
        words = (str(error).strip().splitlines() or [type(error).__name__])[0]
        answer.set_exception(WorkerLostError(words))
    else:
        answer.set_exception(error.cause if isinstance(error, RayTaskError) else error)
