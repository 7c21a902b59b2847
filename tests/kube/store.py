"""集群的记性：对象、版本、变化的历史、server-side apply 的字段主人。"""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Object = dict[str, Any]
Key = tuple[str, str, str, str]
"""apiVersion、复数名、namespace、名字。"""


class Refusal(Exception):  # noqa: N818 照 API 的说法
    """API 的一次拒绝，照 Status 对象写。"""

    def __init__(self, status: int, reason: str, message: str, causes: list[Object] | None = None):
        super().__init__(message)
        self.status = status
        self.body = {
            "kind": "Status",
            "apiVersion": "v1",
            "status": "Failure",
            "code": status,
            "reason": reason,
            "message": message,
            "details": {"causes": causes or []},
        }


@dataclass
class Change:
    version: int
    kind: str
    key: Key
    value: Object


@dataclass
class Store:
    objects: dict[Key, Object] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)
    version: int = 100
    floor: int = 0

    def put(self, key: Key, value: Object, *, generation: bool = True) -> Object:
        """存下一个版本。"""
        self.version += 1
        old = self.objects.get(key)
        value = copy.deepcopy(value)
        meta = value.setdefault("metadata", {})
        meta.setdefault("name", key[3])
        if key[2]:
            meta["namespace"] = key[2]
        meta["resourceVersion"] = str(self.version)
        meta.setdefault("uid", str(uuid.uuid4()))
        meta.setdefault("creationTimestamp", now())
        if old is None or (generation and old.get("spec") != value.get("spec")):
            meta["generation"] = (old or {}).get("metadata", {}).get("generation", 0) + 1
        if old is not None and {**old, "metadata": None} == {**value, "metadata": None}:
            before = {**old["metadata"], "resourceVersion": None}
            if before == {**meta, "resourceVersion": None}:
                return old
        self.objects[key] = value
        self._record("MODIFIED" if old else "ADDED", key, value)
        return value

    def drop(self, key: Key) -> None:
        """删去。"""
        value = self.objects.pop(key, None)
        if value is not None:
            self.version += 1
            value["metadata"]["resourceVersion"] = str(self.version)
            self._record("DELETED", key, value)

    def _record(self, kind: str, key: Key, value: Object) -> None:
        self.history.append(Change(self.version, kind, key, copy.deepcopy(value)))

    def apply(self, key: Key, body: Object, manager: str, *, force: bool) -> Object:
        """server-side apply：叶子有主，值不同而主人是别人即冲突；列表整个算一个叶子。"""
        old = self.objects.get(key)
        owners: dict[str, list[str]] = {}
        for entry in (old or {}).get("metadata", {}).get("managedFields", []):
            for path in entry["fields"]:
                owners.setdefault(path, []).append(entry["manager"])
        mine = leaves(body)
        current = leaves(old or {})
        causes = [
            {
                "reason": "FieldManagerConflict",
                "message": f'conflict with "{other}"',
                "field": path,
            }
            for path, value in mine.items()
            for other in owners.get(path, [])
            if other != manager and current.get(path) != value
        ]
        if causes and not force:
            count = len(causes)
            raise Refusal(409, "Conflict", f"Apply failed with {count} conflict(s)", causes)
        merged = merge(copy.deepcopy(old or {}), body)
        fields = [e for e in merged["metadata"].get("managedFields", []) if e["manager"] != manager]
        merged["metadata"]["managedFields"] = [
            *fields,
            {"manager": manager, "operation": "Apply", "fields": sorted(mine)},
        ]
        return self.put(key, merged)


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def merge(into: Object, body: Object) -> Object:
    for name, value in body.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            merge(into[name], value)
        else:
            into[name] = copy.deepcopy(value)
    return into


def leaves(value: Object, prefix: str = "") -> dict[str, Any]:
    skipped = {"apiVersion", "kind", "status", ".metadata.name", ".metadata.namespace"}
    found: dict[str, Any] = {}
    for name, child in value.items():
        path = f"{prefix}.{name}"
        if name in skipped or path in skipped or path == ".metadata.managedFields":
            continue
        if isinstance(child, dict) and child:
            found |= leaves(child, path)
        else:
            found[path] = child
    return found


def selected(value: Object, selector: str | None) -> bool:
    labels = value.get("metadata", {}).get("labels", {}) or {}
    for term in (selector or "").split(","):
        name, equals, wanted = term.partition("=")
        if name and (name not in labels or (equals and labels[name] != wanted)):
            return False
    return True
