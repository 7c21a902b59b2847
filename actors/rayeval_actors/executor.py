"""Ray 执行者：每件活是一个流式任务，一个循环同时伺候所有的流。"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

import ray
from ray.exceptions import (
    NodeDiedError,
    OwnerDiedError,
    RayError,
    RayTaskError,
    TaskCancelledError,
    TaskUnschedulableError,
    WorkerCrashedError,
)

from rayeval.perf.crew import LoadCrew
from rayeval.pipeline.executor import Crash, Emission, Kind, Profile
from rayeval_actors.bell import Bell, Heard, listening
from rayeval_actors.load import alive_nodes, ray_crew
from rayeval_actors.options import task_options
from rayeval_actors.room import lacking

T = TypeVar("T")
E = TypeVar("E")

SLICE_S = 0.5
"""每隔这么久醒一次，好让 Ctrl-C 与取消进来。"""
DRAIN_S = 40.0
"""取消之后等各件收场的时限；服务的宽限是 15 秒。"""
DEAF_S = 20.0
"""拉铃之后等各件说听见了的时限，秒：压测组停下、交出行要一会儿。"""
_DEFAULT_WIDTH = 64


@dataclass(slots=True)
class _Job:
    """一件在跑的活：序号、内容、剩余的重来次数。"""

    index: int
    item: Any
    retries: int


class RayExecutor:
    """在 Ray 上跑；要求 ray 已初始化（见 session）。不持有句柄，可送往远端再派生。"""

    def __init__(self, *, fixed: bool = False) -> None:
        """`fixed`：不会再来节点（内嵌的 Ray）；要不到的资源当场就说，不去排队。"""
        self._fixed = fixed

    def fan_out(
        self,
        fn: Callable[[T], Iterator[E]],
        items: Sequence[T],
        profile: Profile,
        *,
        pulse: Callable[[], None] = lambda: None,
    ) -> Iterator[Emission[T, E]]:
        """见端口。关闭时取消其余，并等它们收场（至多 DRAIN_S 秒）。

        等待时来了中断，场景先好好叫停：手上的 cell 交出来，再把中断还给调用者；
        没听见铃的（DEAF_S 秒没有回音）才取消，取消之后说的话 Ray 不转。
        """
        todo = deque(_Job(n, item, profile.retries) for n, item in enumerate(items))
        live: dict[Any, _Job] = {}
        width = profile.width or _DEFAULT_WIDTH
        shared = ray.put(fn)
        bell = Bell() if profile.kind is Kind.SCENARIO else None
        try:
            while todo or live:
                while todo and len(live) < width:
                    job = todo.popleft()
                    wanted = profile.resources(job.item) if profile.resources else {}
                    if self._fixed and (words := lacking(wanted, alive_nodes())):
                        crash = Crash("unschedulable", words)
                        yield Emission(job.index, job.item, crash=crash)
                        continue
                    live[_start(shared, job.item, profile, bell)] = job
                if not live:
                    break
                ready, _ = ray.wait(list(live), num_returns=1, timeout=SLICE_S)
                pulse()
                for stream in ready:
                    emission = _take(stream, live[stream])
                    job = live[stream]
                    if emission.event is None:
                        del live[stream]
                        if _worth_retrying(emission.crash) and job.retries > 0:
                            todo.append(_again(job, profile))
                            continue
                    yield emission
        except KeyboardInterrupt:
            if bell is not None:
                yield from _farewell(live, bell)
            raise
        finally:
            _cancel(list(live))

    def crew(self, workers: int) -> AbstractContextManager[LoadCrew]:
        """见端口。"""
        return ray_crew(workers)

    def cores(self) -> int:
        """见端口；整个集群的。"""
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        return int(resources.get("CPU", 1))

    def host(self) -> str:
        """见端口。"""
        return str(ray.util.get_node_ip_address())  # type: ignore[no-untyped-call]

    def nodes(self) -> int:
        """见端口。"""
        return len(alive_nodes())


def _stream(fn: Callable[[T], Iterator[E]], item: T, bell: Bell | None) -> Iterator[E]:
    """任务体：原样转出生成器；有铃的边转边听。"""
    yield from fn(item) if bell is None else listening(fn(item), bell)


def _start(shared: Any, item: Any, profile: Profile, bell: Bell | None) -> Any:
    """发出一件活，返回它的流。"""
    resources = profile.resources(item) if profile.resources else {}
    remote: Any = ray.remote(_stream)
    return remote.options(**task_options(profile.kind, resources)).remote(shared, item, bell)


def _farewell(live: dict[Any, _Job], bell: Bell) -> Iterator[Emission[Any, Any]]:
    """拉铃，转出各件收场的话；没听见的取消。了结的都移出 `live`，至多等 DRAIN_S 秒。"""
    ringing = bell.ring()
    begin, deaf, cut = time.monotonic(), set(live), []
    while live and (elapsed := time.monotonic() - begin) < DRAIN_S:
        if elapsed > DEAF_S and deaf:
            cut = [stream for stream in deaf if live.pop(stream, None)]
            deaf.clear()
            for stream in cut:
                ray.cancel(stream)
            continue
        for stream in ray.wait(list(live), num_returns=1, timeout=SLICE_S)[0]:
            emission = _take(stream, live[stream])
            if isinstance(emission.event, Heard):
                deaf.discard(stream)
                continue
            if emission.event is None:
                deaf.discard(stream)
                del live[stream]
            yield emission
    ray.kill(ringing)
    _await_end(cut)


def _take(stream: Any, job: _Job) -> Emission[Any, Any]:
    """取流上的下一个消息；流的各种死法折成 Crash。"""
    try:
        return Emission(job.index, job.item, event=ray.get(next(stream)))
    except StopIteration:
        return Emission(job.index, job.item)
    except RayError as error:
        return Emission(job.index, job.item, crash=_crash(error))


def _crash(error: RayError) -> Crash:
    """Ray 的异常 → 四种 Crash。"""
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    if isinstance(error, TaskCancelledError):
        return Crash("cancelled", "cancelled")
    if isinstance(error, RayTaskError):
        return Crash("exception", lines[-1] if lines else "unknown error", str(error))
    if isinstance(error, NodeDiedError | OwnerDiedError):
        message = "its Ray node died (the machine, or its raylet, was lost)"
        return Crash("node_lost", message, str(error))
    if isinstance(error, WorkerCrashedError):
        message = "its Ray worker process died (killed, out of memory, or crashed)"
        return Crash("worker_died", message, str(error))
    if isinstance(error, TaskUnschedulableError):
        return Crash("unschedulable", lines[0] if lines else "no node can run it", str(error))
    return Crash("worker_died", lines[0] if lines else type(error).__name__, str(error))


def _worth_retrying(crash: Crash | None) -> bool:
    """只有工作进程或节点没了才整件重来；代码的异常重来还是异常。"""
    return crash is not None and crash.kind in {"worker_died", "node_lost"}


def _again(job: _Job, profile: Profile) -> _Job:
    """重来的那件：只剩没做的部分，次数少一。"""
    rest = job.item if profile.renew is None else profile.renew(job.item)
    return _Job(job.index, rest, job.retries - 1)


def _cancel(streams: list[Any]) -> None:
    """取消所有还在跑的，等它们的 finally 走完。"""
    for stream in streams:
        ray.cancel(stream)
    _await_end(streams)


def _await_end(streams: list[Any]) -> None:
    """等被取消的走完，至多 DRAIN_S 秒。"""
    deadline = time.monotonic() + DRAIN_S
    pending = [stream.completed() for stream in streams]
    while pending and time.monotonic() < deadline:
        _, pending = ray.wait(pending, num_returns=len(pending), timeout=SLICE_S)
