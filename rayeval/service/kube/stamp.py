"""盖章：每个对象、每个 Pod 模板都带上本次运行的标签，主人写在注解里；清扫只认它。"""

from __future__ import annotations

import copy
import hashlib
import re
from dataclasses import dataclass
from typing import Any

from rayeval.manifest import Object

RUN = "rayeval.io/run-id"
SCENARIO = "rayeval.io/scenario"
OWNER = "rayeval.io/owner"
_LONGEST = 63
"""标签值的上限，字符。"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """本次运行、本场景的印记；`owner` 说是谁起的。"""

    run_id: str
    scenario: str
    owner: str = ""

    @property
    def labels(self) -> dict[str, str]:
        """盖在一切上的标签。"""
        return {RUN: label(self.run_id), SCENARIO: label(self.scenario)}

    @property
    def selector(self) -> str:
        """选中这个场景的全部 Pod。"""
        return ",".join(f"{name}={value}" for name, value in self.labels.items())

    @property
    def manager(self) -> str:
        """server-side apply 的字段主人：各次运行不同，同名的对象才会冲突而不是被盖掉。"""
        return f"rayeval-{label(self.run_id)}-{label(self.scenario)}"[:128]

    def on(self, source: Object) -> Object:
        """盖好章的副本。"""
        made = copy.deepcopy(source)
        metadata = _mapping(made, "metadata")
        _mapping(metadata, "labels").update(self.labels)
        _mapping(metadata, "annotations").update({OWNER: self.owner or "unknown"})
        for template in _pod_templates(made.get("spec")):
            _mapping(_mapping(template, "metadata"), "labels").update(self.labels)
        return made

    def mine(self, found: Object) -> bool:
        """集群里的这个对象盖着本次运行、本场景的章。"""
        labels = labels_of(found)
        return all(labels.get(name) == value for name, value in self.labels.items())


def labels_of(found: Object) -> dict[str, Any]:
    """一个对象的标签；没有为空。"""
    metadata = found.get("metadata")
    labels = metadata.get("labels") if isinstance(metadata, dict) else None
    return labels if isinstance(labels, dict) else {}


def label(text: str) -> str:
    """任意文本 → 合法的标签值；改动过的带上短摘要，于是不同的原文不会相同。"""
    name = re.sub(r"[^A-Za-z0-9._-]", "-", text).strip("-._")
    if name and name == text and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{name[: _LONGEST - 9].rstrip('-._') or 'x'}-{digest}"


def _pod_templates(value: Any) -> list[Object]:
    """一棵树里的每个 Pod 模板（有 spec.containers 的映射），不管它叫什么、在多深处。"""
    if isinstance(value, list):
        return [found for child in value for found in _pod_templates(child)]
    if not isinstance(value, dict):
        return []
    spec = value.get("spec")
    if isinstance(spec, dict) and isinstance(spec.get("containers"), list):
        return [value]
    return [found for child in value.values() for found in _pod_templates(child)]


def _mapping(holder: Object, name: str) -> Object:
    """取（没有就造）一个子映射。"""
    if not isinstance(holder.get(name), dict):
        holder[name] = {}
    found: Object = holder[name]
    return found
