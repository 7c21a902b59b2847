"""发号者的 Ray 外壳，与压测者、压测组眼里的它；外壳只转发，不含逻辑。"""

from __future__ import annotations

from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from rayeval.perf.deal import SharedDeal, Zero
from rayeval_actors.options import deal_actor


class DealShell:
    """把一局局发号放进一个 actor。"""

    def __init__(self) -> None:
        """还没有开局。"""
        self._deal = SharedDeal(0, 0)

    def open(self, total: int, workers: int) -> None:
        """开新的一局；上一局的人不该还在。"""
        self._deal.stop()
        self._deal = SharedDeal(total, workers)

    def take(self, want: int) -> range:
        """转发。"""
        return self._deal.take(want)

    def zero(self, worker: int) -> Zero:
        """转发；占住一个线程直到人到齐。"""
        return self._deal.zero(worker)

    def forget(self, worker: int) -> None:
        """转发。"""
        self._deal.forget(worker)

    def stop(self) -> None:
        """转发。"""
        self._deal.stop()


class RayDeal:
    """Dealer 的实现：那个 actor 的句柄，送得到压测者那里。"""

    def __init__(self, actor: Any) -> None:
        """`actor` 是 DealShell 的句柄。"""
        self._actor = actor

    def take(self, want: int) -> range:
        """见端口。"""
        numbers: range = ray.get(self._actor.take.remote(want))
        return numbers

    def zero(self, worker: int) -> Zero:
        """见端口。"""
        zero: Zero = ray.get(self._actor.zero.remote(worker))
        return zero

    def forget(self, worker: int) -> None:
        """见端口；不等它做完。"""
        self._actor.forget.remote(worker)

    def stop(self) -> None:
        """见端口；不等它做完。"""
        self._actor.stop.remote()


class DealTable:
    """一个压测组的发号桌：一个 actor，一局接一局。"""

    def __init__(self, workers: int) -> None:
        """立刻在本节点上起 actor，不等它起来；`workers` 是压测者最多几个。"""
        here = ray.get_runtime_context().get_node_id()
        strategy = NodeAffinitySchedulingStrategy(here, soft=True)
        shell = ray.remote(DealShell).options(**deal_actor(workers), scheduling_strategy=strategy)
        self._actor: Any = shell.remote()

    def deal(self, total: int, workers: int) -> RayDeal:
        """开一局。"""
        opened = self._actor.open.remote(total, workers)
        while not ray.wait([opened], timeout=_SLICE_S)[0]:
            pass
        ray.get(opened)
        return RayDeal(self._actor)

    def close(self) -> None:
        """收走。"""
        ray.kill(self._actor)


_SLICE_S = 0.5
"""每隔这么久醒一次，好让 Ctrl-C 与取消进来。"""
