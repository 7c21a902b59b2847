"""清扫集群：按标签找到一次运行的（或主人已死的各次运行的）对象并删除；只动盖了章的。"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rayeval.manifest import Object
from rayeval.service.kube.api import Api, ApiError
from rayeval.service.kube.apply import stuck_because, wait_gone
from rayeval.service.kube.stamp import OWNER, RUN, SCENARIO, label, labels_of
from rayeval.service.owner import is_dead

_SKIPPED = {401, 403, 404, 405}
"""列不了的种类：没有权限或不支持，跳过。"""


def sweep_run(api: Api, run_id: str, scenario: str | None, budget_s: float) -> list[str]:
    """删掉一次运行（的一个场景）留下的一切，等它们消失；返回还剩的，说明缘故。"""
    selector = f"{RUN}={label(run_id)}"
    if scenario is not None:
        selector += f",{SCENARIO}={label(scenario)}"
    return _sweep(api, selector, lambda _: True, budget_s)


def sweep_dead(api: Api, budget_s: float) -> list[str]:
    """删掉主人在本机而已经死了的各次运行留下的一切；返回还剩的。"""
    return _sweep(api, RUN, _is_orphan, budget_s)


def leftovers(api: Api, run_id: str) -> list[str]:
    """一次运行还在的对象。"""
    found = _marked(api, f"{RUN}={label(run_id)}", lambda _: True)
    return [_called(item) for _, item in found]


def _sweep(api: Api, selector: str, ours: Callable[[Object], bool], budget_s: float) -> list[str]:
    """删，等，说剩下的。"""
    found = _marked(api, selector, ours)
    left = []
    for path, item in found:
        try:
            api.delete(path, str(item["metadata"].get("uid", "")))
        except ApiError as error:
            left.append(f"{_called(item)}: {error}")

    def remaining() -> list[str]:
        """删过的里头还在的。"""
        still = [(path, api.find(path)) for path, item in found]
        was = {path: item["metadata"].get("uid") for path, item in found}
        return [
            _called(item) + stuck_because(item)
            for path, item in still
            if item is not None and item["metadata"].get("uid") == was[path]
        ]

    return [*left, *wait_gone(remaining, budget_s)]


def _marked(api: Api, selector: str, ours: Callable[[Object], bool]) -> list[tuple[str, Object]]:
    """带着标签的对象与它们的路径；由别的对象带出来的（Pod、ReplicaSet）随主人走，不算。"""
    found: dict[str, tuple[str, Object]] = {}
    for resource in list(api.kinds()):
        try:
            answer = api.get(_base(api, resource), labelSelector=selector)
        except ApiError as error:
            if error.status in _SKIPPED:
                continue
            raise
        for item in answer.get("items") or []:
            metadata = item.get("metadata") or {}
            if any(owner.get("controller") for owner in metadata.get("ownerReferences") or []):
                continue
            if RUN in labels_of(item) and ours(item):
                item.setdefault("kind", resource.kind)
                path = resource.path(name=metadata["name"], namespace=metadata.get("namespace"))
                found.setdefault(str(metadata.get("uid") or path), (path, item))
    return list(found.values())


def _base(api: Api, resource: Any) -> str:
    """列出一种对象的路径；集群级的没有 namespace。"""
    namespace = api.namespace if resource.namespaced else None
    path: str = resource.path(namespace=namespace)
    return path


def _is_orphan(item: Object) -> bool:
    """主人已死。"""
    annotations = (item.get("metadata") or {}).get("annotations") or {}
    return is_dead(str(annotations.get(OWNER, "")))


def _called(item: Object) -> str:
    """写成 `Deployment qwen`。"""
    return f"{item.get('kind')} {item['metadata']['name']}"
