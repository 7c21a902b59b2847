"""在哪里跑的端口：本模块说要什么，InlineExecutor 与 RayExecutor 各自做到。"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from rayeval.perf.crew import LoadCrew

T = TypeVar("T")
E = TypeVar("E")


class Kind(StrEnum):
    """一件活的性质。"""

    SCENARIO = "scenario"
    SUITE = "suite"
    SHARD = "shard"


@dataclass(frozen=True, slots=True)
class Profile:
    """对执行者的意图，由各执行者译成自己的选项。

    SCENARIO 从不重试（测量不可重来）；SUITE 不重试；SHARD 幂等，可重试。
    `width` 是最多同时几件（None 由执行者定）；
    `resources` 给出每件要占的资源：num_gpus 与自定义资源名 → 数量；
    `retries` 是工作进程或节点死掉后重来的次数（幂等的活才给），
    重来的事件与先前的一并给出，由听者按身份去重；`renew` 在重来之前把那件活换成还没做的部分。
    """

    kind: Kind
    width: int | None = None
    resources: Callable[[Any], Mapping[str, float]] | None = None
    retries: int = 0
    renew: Callable[[Any], Any] | None = None


@dataclass(frozen=True, slots=True)
class Crash:
    """一件活没能走完。`kind`：exception、worker_died、node_lost、cancelled。"""

    kind: str
    message: str
    traceback: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Emission(Generic[T, E]):
    """一件活的一次消息：事件、崩溃、或结束；崩溃或结束之后不再有它的消息。"""

    index: int
    item: T
    event: E | None = None
    crash: Crash | None = None

    @property
    def ended(self) -> bool:
        """正常走完。"""
        return self.event is None and self.crash is None


class Executor(Protocol):
    """在哪里跑。可序列化，好让场景在远端再派生分片与压测者。"""

    def fan_out(
        self,
        fn: Callable[[T], Iterator[E]],
        items: Sequence[T],
        profile: Profile,
        *,
        pulse: Callable[[], None] = lambda: None,
    ) -> Iterator[Emission[T, E]]:
        """对每件活跑生成器 `fn`，随到随给；一件的崩溃不影响别件；关闭即取消其余。

        `fn` 不产出 None。同一件的事件保持次序。等待时每半秒左右在调用者处唤一次
        `pulse`（SCENARIO 除外）；它抛出什么就以什么告终，其余取消。
        """
        ...

    def crew(self, workers: int) -> AbstractContextManager[LoadCrew]:
        """`workers` 个压测者；进入时已在启动，离开时全部收走。"""
        ...

    def cores(self) -> int:
        """压测者可用的核数，默认的压测者个数不多于它。"""
        ...

    def host(self) -> str:
        """别的压测者找到此处所在节点的地址。"""
        ...

    def nodes(self) -> int:
        """可以跑场景的节点数，默认的场景并行度。"""
        ...
