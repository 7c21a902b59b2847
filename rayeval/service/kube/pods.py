"""一个 Pod 的状况：纯函数，从 API 给的对象读出死活；缺了什么都当作还不知道。"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rayeval.manifest import Object

HOPELESS = {
    "ImagePullBackOff",
    "InvalidImageName",
    "ErrImageNeverPull",
    "CreateContainerConfigError",
    "CreateContainerError",
    "RunContainerError",
    "CrashLoopBackOff",
}
"""容器在等、而再等也不会好的缘故。"""


@dataclass(frozen=True, slots=True)
class Container:
    """一个容器的状态；`state` 是 waiting、running、terminated 或空。"""

    name: str
    restarts: int
    ready: bool
    state: str
    detail: Object
    last: Object

    @property
    def reason(self) -> str:
        """API 给的缘故。"""
        return str(self.detail.get("reason") or "")


def name_of(found: Object) -> str:
    """对象的名字。"""
    return str((found.get("metadata") or {}).get("name") or "?")


def uid_of(found: Object) -> str:
    """对象的 uid。"""
    return str((found.get("metadata") or {}).get("uid") or "")


def status_of(found: Object) -> Object:
    """对象的 status；没有为空。"""
    status = found.get("status")
    return status if isinstance(status, dict) else {}


def containers(pod: Object) -> list[Container]:
    """init 与主容器，按此次序；还没有状态的不在内。"""
    status = status_of(pod)
    return [
        _container(entry)
        for name in ("initContainerStatuses", "containerStatuses")
        for entry in status.get(name) or []
        if isinstance(entry, dict)
    ]


def is_ready(pod: Object) -> bool:
    """Ready 条件成立，或已经圆满结束。"""
    if status_of(pod).get("phase") == "Succeeded":
        return True
    return condition(pod, "Ready").get("status") == "True"


def condition(found: Object, kind: str) -> Object:
    """某一种条件；没有为空。"""
    for entry in status_of(found).get("conditions") or []:
        if isinstance(entry, dict) and entry.get("type") == kind:
            return entry
    return {}


def doom(pod: Object) -> str | None:
    """已可断定起不来的缘故；还有指望为 None。"""
    name = name_of(pod)
    for container in containers(pod):
        if container.state == "waiting" and container.reason in HOPELESS:
            told = str(container.detail.get("message") or "")
            died = _exit(container.last)
            words = f"pod {name}: container {container.name}: {container.reason}"
            return words + (f": {told}" if told else "") + (f"; it {died}" if died else "")
    if status_of(pod).get("phase") == "Failed":
        return f"pod {name} failed: {_last_words(pod)}"
    return None


def unscheduled(pod: Object) -> str | None:
    """找不到节点的缘故；已有节点为 None。"""
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False" and scheduled.get("reason") == "Unschedulable":
        return f"pod {name_of(pod)} finds no node: {scheduled.get('message') or 'Unschedulable'}"
    return None


def pending(pod: Object) -> str:
    """还没好的 Pod 在等什么，一句话。"""
    for container in containers(pod):
        if container.state == "waiting":
            return f"{name_of(pod)}: {container.reason or 'waiting'}"
        if container.state == "running" and not container.ready:
            return f"{name_of(pod)}: {container.name} is not ready yet"
    return f"{name_of(pod)}: {status_of(pod).get('phase') or 'unknown'}"


def restarts(pod: Object) -> dict[str, int]:
    """每个容器至今重启的次数。"""
    return {container.name: container.restarts for container in containers(pod)}


def loss(pod: Object, before: dict[str, int]) -> str | None:
    """就绪之后出的事：容器死过、Pod 失败；安好为 None。"""
    for container in containers(pod):
        if container.restarts > before.get(container.name, 0):
            died = _exit(container.last) or _exit(container.detail) or "was restarted"
            return f"pod {name_of(pod)}: container {container.name} {died}"
        code = container.detail.get("exitCode")
        if container.state == "terminated" and code not in {0, None}:
            return f"pod {name_of(pod)}: container {container.name} {_exit(container.detail)}"
    if status_of(pod).get("phase") == "Failed":
        return f"pod {name_of(pod)} failed: {_last_words(pod)}"
    return None


def instances(pod: Object) -> Iterator[tuple[str, int, bool]]:
    """有日志可读的容器实例：容器名、它是第几个（从 0 起）、是不是要按“上一次”去读。"""
    for container in containers(pod):
        if container.state in {"running", "terminated"}:
            if container.restarts:
                yield container.name, container.restarts - 1, True
            yield container.name, container.restarts, False
        elif container.last:  # 在等下一次：刚死的那个算上一次
            yield container.name, container.restarts, True


def _container(entry: Object) -> Container:
    """API 的一条容器状态。"""
    state, detail = _state(entry.get("state"))
    _, last = _state(entry.get("lastState"))
    restarts = entry.get("restartCount")
    return Container(
        name=str(entry.get("name") or "?"),
        restarts=restarts if isinstance(restarts, int) else 0,
        ready=entry.get("ready") is True or (state == "terminated" and detail.get("exitCode") == 0),
        state=state,
        detail=detail,
        last=last,
    )


def _state(value: Any) -> tuple[str, Object]:
    """三选一的状态。"""
    for name in ("waiting", "running", "terminated"):
        if isinstance(value, dict) and isinstance(value.get(name), dict):
            return name, value[name]
    return "", {}


def _exit(terminated: Object) -> str:
    """终止的实例 → 人话；不是终止的为空。"""
    if "exitCode" not in terminated and "signal" not in terminated:
        return ""
    reason = terminated.get("reason")
    why = f" ({reason})" if reason and reason != "Error" else ""
    if terminated.get("signal"):
        return f"was killed by signal {terminated['signal']}{why}"
    return f"exited with code {terminated.get('exitCode')}{why}"


def _last_words(pod: Object) -> str:
    """失败的 Pod：它的话，或它容器的退出码。"""
    status = status_of(pod)
    told = [str(status[name]) for name in ("reason", "message") if status.get(name)]
    died = [
        f"container {item.name} {_exit(item.detail)}"
        for item in containers(pod)
        if item.state == "terminated" and item.detail.get("exitCode") not in {0, None}
    ]
    return "; ".join(told + died) or "no reason given"
