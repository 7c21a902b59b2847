"""一个工作负载好了没有：Deployment、StatefulSet、DaemonSet、Pod、Job；纯函数。

别的种类（CR）看它的 Ready 或 Available 条件；没有这样的条件就不等它，由后面的阶梯去问。
"""

from __future__ import annotations

from rayeval.manifest import Object
from rayeval.service.kube.pods import condition, is_ready, status_of


def unfinished(found: Object) -> str | None:
    """还缺什么，一句话；好了为 None。"""
    kind = found.get("kind")
    if kind in {"Deployment", "StatefulSet", "ReplicaSet"}:
        wanted = _spec_number(found, "replicas", 1)
        return _counted(found, wanted, ("readyReplicas", "updatedReplicas"), kind)
    if kind == "DaemonSet":
        wanted = _number(status_of(found), "desiredNumberScheduled")
        return _counted(found, wanted, ("numberReady", "updatedNumberScheduled"), kind)
    if kind == "Pod":
        return None if is_ready(found) else "not ready"
    return _incomplete(found) if kind == "Job" else _unstated(found)


def _incomplete(job: Object) -> str | None:
    """Job 还差几次。"""
    wanted = _spec_number(job, "completions", 1)
    done = _number(status_of(job), "succeeded")
    if done >= wanted or condition(job, "Complete").get("status") == "True":
        return None
    return f"{done} of {wanted} completed"


def _unstated(found: Object) -> str | None:
    """自己说还没好的。"""
    for name in ("Ready", "Available"):
        stated = condition(found, name)
        if stated.get("status") in {"False", "Unknown"}:
            return str(stated.get("message") or stated.get("reason") or f"{name} is not True")
    return None


def failed(found: Object) -> str | None:
    """已可断定不成的缘故（配额、Job 失败）；还有指望为 None。"""
    replica = condition(found, "ReplicaFailure")
    if replica.get("status") == "True":
        return _hopeless_message(str(replica.get("message") or replica.get("reason") or ""))
    if found.get("kind") == "Job":
        stated = condition(found, "Failed")
        if stated.get("status") == "True":
            return str(stated.get("message") or stated.get("reason") or "the Job failed")
    return None


def creation_denied(message: str) -> bool:
    """控制器造不出 Pod 的话里，等也没用的那些：配额、权限、准入。"""
    return "exceeded quota" in message or "is forbidden" in message or "denied" in message


def _hopeless_message(message: str) -> str | None:
    """等也没用的才算失败。"""
    return message if creation_denied(message) else None


def _counted(found: Object, wanted: int, fields: tuple[str, str], kind: str) -> str | None:
    """副本数够不够；滚动更新时旧的副本不算。"""
    status = status_of(found)
    generation = (found.get("metadata") or {}).get("generation")
    observed = status.get("observedGeneration")
    if isinstance(generation, int) and (not isinstance(observed, int) or observed < generation):
        return f"the {kind} controller has not seen it yet"
    ready, updated = (_number(status, name) for name in fields)
    if kind in {"ReplicaSet", "StatefulSet"} and fields[1] not in status:
        updated = ready
    have = min(ready, updated)
    return None if have >= wanted else f"{have} of {wanted} ready"


def _spec_number(found: Object, name: str, default: int) -> int:
    """spec 里的一个数。"""
    spec = found.get("spec")
    value = spec.get(name) if isinstance(spec, dict) else None
    return value if isinstance(value, int) else default


def _number(status: Object, name: str) -> int:
    """status 里的一个数；没有为 0。"""
    value = status.get(name)
    return value if isinstance(value, int) else 0
