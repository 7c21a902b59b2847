"""压测者的 Ray 外壳与 Ray 上的压测组；外壳只转发，不含逻辑。"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rayeval.domain.load import Counters, Share
from rayeval.domain.records import empty_requests
from rayeval.errors import InfrastructureError
from rayeval.perf.crew import Haul
from rayeval.perf.worker import LoadWorker
from rayeval_actors.options import LOAD_ACTOR

SLICE_S = 0.5
"""每隔这么久醒一次，好让 Ctrl-C 与取消进来。"""
START_TIMEOUT_S = 120.0


class LoadShell:
    """把 LoadWorker 放进一个 actor。"""

    def __init__(self) -> None:
        """一个压测者。"""
        self._worker = LoadWorker()

    def prepare(self, share: Share) -> None:
        """转发。"""
        self._worker.prepare(share)

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


class RayCrew:
    """若干 LoadActor，一个 cell 一个 cell 地驱动；失联的说出来，其余照算。"""

    def __init__(self, size: int) -> None:
        """立刻开始启动 actor，不等它们起来。"""
        self.size = size
        load_actor = ray.remote(LoadShell)
        self._actors: list[Any] = [
            load_actor.options(**LOAD_ACTOR, scheduling_strategy=strategy).remote()
            for strategy in _strategies(size)
        ]
        self._active: list[int] = []
        self._runs: dict[Any, int] = {}
        self._lost: dict[int, str] = {}
        self._last = Counters()

    def prepare(self, shares: Sequence[Share]) -> None:
        """见端口；全部压测者都没了才算失败。"""
        self._active = [n for n in range(self.size) if n not in self._lost][: len(shares)]
        if len(self._active) < len(shares):
            lost = "; ".join(self._lost.values())
            message = f"only {len(self._active)} of {len(shares)} load workers are alive: {lost}"
            raise InfrastructureError(message)
        refs = {
            self._actors[n].prepare.remote(share): n
            for n, share in zip(self._active, shares, strict=True)
        }
        self._settle(refs, START_TIMEOUT_S)
        if refs:
            message = f"{len(refs)} load workers did not start within {START_TIMEOUT_S:.0f} s"
            raise InfrastructureError(message)
        if self._active and all(n in self._lost for n in self._active):
            message = "not one load worker could be started: " + "; ".join(self._lost.values())
            raise InfrastructureError(message)

    def go(self) -> None:
        """见端口。"""
        self._last = Counters()
        alive = [n for n in self._active if n not in self._lost]
        self._runs = {self._actors[n].run.remote(): n for n in alive}

    def wait(self, timeout_s: float) -> bool:
        """见端口。"""
        if self._runs:
            self._settle(self._runs, timeout_s)
        return not self._runs

    def counters(self) -> Counters:
        """见端口；一时答不上来就用上次的，不让进度拖住测量。"""
        refs = [self._actors[n].counters.remote() for n in self._active if n not in self._lost]
        ready, late = ray.wait(refs, num_returns=len(refs), timeout=SLICE_S) if refs else ([], [])
        if not late:
            self._last = sum((_counters(ref) for ref in ready), Counters())
        return self._last

    def collect(self) -> list[Haul]:
        """见端口；失联者交一张空表与缘由。"""
        hauls = []
        for worker, n in enumerate(self._active):
            haul = None
            if n not in self._lost:
                try:
                    haul = _get(self._actors[n].collect.remote())
                except ray.exceptions.RayError as error:
                    self._lost[n] = _reason(error)
            hauls.append(haul or Haul(worker, empty_requests(), None, lost=self._lost[n]))
        return hauls

    def cancel(self) -> None:
        """见端口。"""
        for n in self._active:
            if n not in self._lost:
                self._actors[n].cancel.remote()

    def close(self) -> None:
        """收走所有 actor。"""
        for actor in self._actors:
            ray.kill(actor)

    def _settle(self, refs: dict[Any, int], timeout_s: float) -> None:
        """等 refs 完成，完成的移除；压测者没了的记下缘由。"""
        waited = 0.0
        while refs and waited < timeout_s:
            step = min(SLICE_S, timeout_s - waited)
            ready, _ = ray.wait(list(refs), num_returns=len(refs), timeout=step)
            waited += step
            for ref in ready:
                n = refs.pop(ref)
                try:
                    ray.get(ref)
                except ray.exceptions.RayActorError as error:
                    self._lost[n] = _reason(error)


@contextmanager
def ray_crew(size: int) -> Iterator[RayCrew]:
    """`size` 个 LoadActor，离开时全部收走。"""
    crew = RayCrew(size)
    try:
        yield crew
    finally:
        crew.close()


def _strategies(size: int) -> list[Any]:
    """轮流放到各节点；有别的节点时避开本节点，那里跑着服务。"""
    here = ray.get_runtime_context().get_node_id()
    nodes = [node["NodeID"] for node in alive_nodes()]
    others = sorted(node for node in nodes if node != here) or [here]
    return [NodeAffinitySchedulingStrategy(others[n % len(others)], soft=True) for n in range(size)]


def alive_nodes() -> list[dict[str, Any]]:
    """活着的节点，Ray 的原始描述。"""
    return [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]


def _get(ref: Any) -> Any:
    """取一个结果；分片等待，好让中断进来。"""
    while not ray.wait([ref], timeout=SLICE_S)[0]:
        pass
    return ray.get(ref)


def _counters(ref: Any) -> Counters:
    """一个压测者的计数；它没了则按零。"""
    try:
        counters: Counters = ray.get(ref)
    except ray.exceptions.RayError:
        return Counters()
    return counters


def _reason(error: BaseException) -> str:
    """Ray 的长篇错误里的第一句。"""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
