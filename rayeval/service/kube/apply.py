"""施用与收回：server-side apply 我们的清单，之后恰好删掉施用过的，等到真的没了。"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rayeval.errors import LaunchError
from rayeval.manifest import Object
from rayeval.service.kube.api import Api, ApiError, explain
from rayeval.service.kube.stamp import OWNER, RUN, Stamp, labels_of

GONE_S = 120.0
"""删除之后等它们消失的时限，秒；Pod 的宽限默认 30 秒。"""
FAREWELL_S = 15.0
"""收场时一次调用连同重试的时限，秒：控制面不在，别让 Ctrl-C 干等。"""
CRD_S = 30.0
"""新的 CRD 多久内该被认得，秒。"""
_POLL_S = 0.2
_FIRST = ("Namespace", "CustomResourceDefinition")
_FOREGROUND = "foregroundDeletion"


@dataclass(frozen=True, slots=True)
class Piece:
    """一个施用过（或正要施用）的对象。"""

    kind: str
    name: str
    path: str

    def __str__(self) -> str:
        """写成 `Deployment qwen`。"""
        return f"{self.kind} {self.name}"


class Applied:
    """一个场景施用的全部；可以一件一件地加，任何时候都收得回。"""

    def __init__(self, api: Api, stamp: Stamp) -> None:
        """还什么都没有。"""
        self._api = api
        self._stamp = stamp
        self.pieces: list[Piece] = []

    def apply(self, objects: Sequence[Object]) -> None:
        """依次施用；Namespace 与 CRD 在前，其余照清单的次序。

        已有而不是我们的：集群级的照旧用着、不碰，别的抛 LaunchError。
        """
        for source in sorted(objects, key=lambda item: item["kind"] not in _FIRST):
            self._apply_one(self._stamp.on(source))

    def delete(self) -> list[str]:
        """删掉盖着我们的章的每一件，等它们与它们的 Pod 消失；返回没能消失的，说明缘故。"""
        left: dict[str, str] = {}
        self._api.patience_s = min(self._api.patience_s, FAREWELL_S)
        for piece in reversed(self.pieces):
            try:
                self._delete_one(piece)
            except ApiError as error:
                if error.status == 0:  # 够不着的一次就够了，不为每一件再等一遍
                    names = ", ".join(map(str, self.pieces))
                    return [explain(error, f"delete {names}")]
                left[piece.path] = explain(error, f"delete {piece}")
        deadline = time.monotonic() + GONE_S
        pending = [piece for piece in self.pieces if piece.path not in left]
        while pending := self._remaining(pending, left):
            if time.monotonic() > deadline:
                left.update({piece.path: self._stuck(piece) for piece in pending})
                break
            time.sleep(_POLL_S)
        return [*left.values(), *self._pods_left(deadline)]

    def _apply_one(self, body: Object) -> None:
        """一件：先看是否已有，再施用。"""
        kind, name = body["kind"], body["metadata"]["name"]
        resource = self._resource(body)
        metadata = body["metadata"]
        if resource.namespaced:
            asked = metadata.setdefault("namespace", self._api.namespace)
            if asked != self._api.namespace:
                message = (
                    f"{kind} {name} asks for namespace {asked!r}, the scenario lives in "
                    f"{self._api.namespace!r}: mend k8s.namespace, or leave it out of the manifest"
                )
                raise LaunchError(message)
        path = resource.path(name=name, namespace=metadata.get("namespace"))
        piece = Piece(kind, name, path)
        try:
            found = self._api.find(path)
            if found is not None and not self._stamp.mine(found):
                if not resource.namespaced:
                    return
                raise LaunchError(_not_ours(piece, found, self._api.namespace))
            self.pieces.append(piece)  # 先记下：回答丢了的那一件也要收
            self._api.apply(path, body, self._stamp.manager)
        except ApiError as error:
            raise LaunchError(_refused(piece, error)) from None

    def _resource(self, body: Object) -> Any:
        """这件东西的种类；它的 CRD 若在同一份清单里，等集群认得。"""
        kind, version = body["kind"], body["apiVersion"]
        deadline = time.monotonic() + CRD_S
        while True:
            try:
                return self._api.resource(version, kind)
            except ApiError as error:
                fresh = any(piece.kind == "CustomResourceDefinition" for piece in self.pieces)
                if not fresh or time.monotonic() > deadline:
                    name = body["metadata"]["name"]
                    raise LaunchError(explain(error, f"apply {kind} {name}")) from None
            time.sleep(_POLL_S)
            self._api.forget()

    def _delete_one(self, piece: Piece) -> None:
        """删掉还是我们的那一件。"""
        found = self._api.find(piece.path)
        if found is not None and self._stamp.mine(found):
            self._api.delete(piece.path, str(found["metadata"].get("uid", "")))

    def _remaining(self, pieces: list[Piece], left: dict[str, str]) -> list[Piece]:
        """还没消失的。"""
        still = []
        for piece in pieces:
            try:
                found = self._api.find(piece.path)
            except ApiError as error:
                left[piece.path] = explain(error, f"look for {piece}")
                continue
            if found is not None and self._stamp.mine(found):
                still.append(piece)
        return still

    def _stuck(self, piece: Piece) -> str:
        """为什么还在：谁的 finalizer 卡着。"""
        found = self._api.find(piece.path) or {}
        return f"{piece} is still there{stuck_because(found)}"

    def _pods_left(self, deadline: float) -> list[str]:
        """等 Pod 也没了：有的控制器删得慢。"""
        path = f"/api/v1/namespaces/{self._api.namespace}/pods"
        while True:
            try:
                items = self._api.get(path, labelSelector=self._stamp.selector).get("items") or []
            except ApiError as error:
                return [explain(error, "list the pods that are left")]
            if not items:
                return []
            if time.monotonic() > deadline:
                return [
                    f"Pod {pod['metadata']['name']} is still there{stuck_because(pod)}"
                    for pod in items
                ]
            time.sleep(_POLL_S)


def stuck_because(found: Object) -> str:
    """删不掉的缘故，接在一句话后面。"""
    metadata = found.get("metadata") or {}
    names = [name for name in metadata.get("finalizers") or [] if name != _FOREGROUND]
    if names:
        return f": finalizers {', '.join(map(str, names))} hold it; whoever set them must end"
    if metadata.get("deletionTimestamp"):
        return ": it is being deleted"
    return ""


def wait_gone(remaining: Callable[[], list[str]], budget_s: float) -> list[str]:
    """等到 `remaining` 说没有了，或时限到；返回那时还剩的。"""
    deadline = time.monotonic() + budget_s
    while (left := remaining()) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return left


def _not_ours(piece: Piece, found: Object, namespace: str) -> str:
    """已有一个同名的：是别次运行的，还是别人的。"""
    run = labels_of(found).get(RUN)
    if run is not None:
        owner = (found["metadata"].get("annotations") or {}).get(OWNER, "unknown")
        return (
            f"{piece} in namespace {namespace} belongs to run {run}, started by {owner}; "
            f"if that run is over: rayeval cleanup --run-id {run}"
        )
    managers = {
        str(entry.get("manager"))
        for entry in found["metadata"].get("managedFields") or []
        if isinstance(entry, dict)
    }
    by = f" (managed by {', '.join(sorted(managers))})" if managers else ""
    return (
        f"{piece} exists already in namespace {namespace}{by} and is not of this run: "
        "delete it, rename yours, or use another namespace"
    )


def _refused(piece: Piece, error: ApiError) -> str:
    """施用不成；冲突的说清哪些字段在谁手里。"""
    if error.causes and error.status == 409:  # noqa: PLR2004 HTTP 定义
        fields = "; ".join(f"{field} ({message})" for field, message in error.causes)
        return (
            f"{piece}: others own fields that the manifest sets: {fields}; "
            "leave these fields out of the manifest, or delete the object first"
        )
    return explain(error, f"apply {piece}")
