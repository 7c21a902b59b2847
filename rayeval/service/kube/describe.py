"""出事之后看现场：事件，与像 describe 那样的一页状况。"""

from __future__ import annotations

from collections.abc import Iterable

from rayeval.manifest import Object
from rayeval.service.kube.api import Api, ApiError
from rayeval.service.kube.pods import condition, containers, name_of, status_of
from rayeval.service.kube.stamp import Stamp
from rayeval.service.kube.workload import unfinished

_MOST_EVENTS = 200


def warnings(api: Api, names: Iterable[str]) -> list[str]:
    """这些对象（及以它们的名字开头的）的 Warning 事件，先后为序，各一句；问不到为空。"""
    wanted = tuple(names)
    try:
        events = _events(api)
    except ApiError:
        return []
    told = [
        f"{event.get('reason') or '?'}: {event.get('message') or ''}".strip()
        for event in events
        if event.get("type") == "Warning" and _about(event, wanted)
    ]
    return list(dict.fromkeys(told))


def scene(api: Api, stamp: Stamp, workloads: list[Object], pods: list[Object]) -> str:
    """一页状况：工作负载、Pod 与容器、事件；问不到的那一段就说问不到。"""
    lines = [f"run {stamp.run_id}, scenario {stamp.scenario}, namespace {api.namespace}", ""]
    lines += [
        f"{item.get('kind')} {name_of(item)}: {unfinished(item) or 'ready'}" for item in workloads
    ]
    for pod in pods:
        lines += ["", *_pod(pod)]
    names = tuple(name_of(item) for item in [*workloads, *pods])
    try:
        events = [event for event in _events(api) if _about(event, names)]
    except ApiError as error:
        lines += ["", f"events: {error}"]
    else:
        lines += ["", "events:", *(f"  {_event(event)}" for event in events[-_MOST_EVENTS:])]
    return "\n".join(lines) + "\n"


def _pod(pod: Object) -> list[str]:
    """一个 Pod 的几行。"""
    status, spec = status_of(pod), pod.get("spec") or {}
    where = spec.get("nodeName") or "no node"
    lines = [f"Pod {name_of(pod)}: {status.get('phase')}, on {where}"]
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        lines.append(f"  not scheduled: {scheduled.get('message')}")
    for item in containers(pod):
        facts = [f"{key} {item.detail[key]}" for key in sorted(item.detail) if key != "containerID"]
        lines.append(
            f"  {item.name}: {item.state or 'no state'}, ready {item.ready}, "
            f"restarts {item.restarts}" + (f" ({'; '.join(facts)})" if facts else "")
        )
    return lines


def _events(api: Api) -> list[Object]:
    """这个 namespace 的事件，先后为序。"""
    answer = api.get(f"/api/v1/namespaces/{api.namespace}/events", limit=1000)
    events = [event for event in answer.get("items") or [] if isinstance(event, dict)]
    return sorted(events, key=_when)


def _about(event: Object, names: tuple[str, ...]) -> bool:
    """事件说的是这些名字之一，或由它派生的（ReplicaSet、Pod）。"""
    involved = event.get("involvedObject") or {}
    name = str(involved.get("name") or "")
    return any(name == known or name.startswith(f"{known}-") for known in names)


def _when(event: Object) -> str:
    """事件的时刻；各版本写在不同的字段。"""
    metadata = event.get("metadata") or {}
    stamps = (event.get("lastTimestamp"), event.get("eventTime"), metadata.get("creationTimestamp"))
    return str(next((stamp for stamp in stamps if stamp), ""))


def _event(event: Object) -> str:
    """一条事件的一行。"""
    involved = event.get("involvedObject") or {}
    subject = f"{involved.get('kind')} {involved.get('name')}"
    count = event.get("count")
    often = f" (×{count})" if isinstance(count, int) and count > 1 else ""
    words = f"{event.get('reason')}: {event.get('message')}"
    return f"{_when(event)} {event.get('type')} {subject}: {words}{often}"
