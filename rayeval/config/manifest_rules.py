"""场景点名的 Kubernetes 清单：读得成、变量代得进、所说的 Service 在里头。"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rayeval.config.document import Document, beside
from rayeval.errors import Problem
from rayeval.manifest import RUN_VARIABLES, ManifestError, Object, render


def manifest_problems(document: Document, root: str, env: Mapping[str, str]) -> Iterator[Problem]:
    """一个场景的清单的全部问题，指着清单自己的行列；不存在的文件由 missing_files 说。"""
    if document.get("mode") not in {"k8s-hybrid", "k8s-pd"}:
        return
    objects: list[Object] = []
    values = {**env, **dict.fromkeys(RUN_VARIABLES, "x")}
    for name in document.sequence("k8s", "manifests"):
        path = Path(beside(document.path, name)) if isinstance(name, str) else None
        if path is None or not path.is_file():
            return
        try:
            objects += render(path.read_text(encoding="utf-8-sig"), values)
        except ManifestError as error:
            yield Problem(_shown(path, document, root), error.line, error.column, "", str(error))
            return
        except (OSError, UnicodeDecodeError) as error:
            message = f"can't be read as UTF-8 text: {error}"
            yield Problem(_shown(path, document, root), 0, 0, "", message)
            return
    if objects:
        yield from _service(document, objects)


def _service(document: Document, objects: list[Object]) -> Iterator[Problem]:
    """service_name 是清单里的一个 Service，它有 port_name 这个端口。"""
    wanted = document.get("k8s", "service_name")
    services = {item["metadata"]["name"]: item for item in objects if item["kind"] == "Service"}
    if not isinstance(wanted, str) or not services:
        return  # 没有 Service 的清单：它由别人（如 operator）造出来，启动时再找
    if wanted not in services:
        listed = ", ".join(sorted(services))
        message = f"no Service {wanted!r} in the manifests; they have {listed}"
        yield document.problem(("k8s", "service_name"), message)
        return
    ports = _ports(services[wanted])
    name = document.get("k8s", "port_name") or "http"
    if ports and name not in ports and any(ports):
        listed = ", ".join(sorted(filter(None, ports)))
        message = f"Service {wanted!r} has no port named {name!r}; it has {listed}"
        where = ("k8s", "port_name" if document.get("k8s", "port_name") else "service_name")
        yield document.problem(where, message)


def _ports(service: Object) -> list[str]:
    """一个 Service 的端口名；没起名的为空串，形状不对的略过。"""
    spec: Any = service.get("spec")
    ports = spec.get("ports") if isinstance(spec, dict) else None
    entries = ports if isinstance(ports, list) else []
    return [str(port.get("name") or "") for port in entries if isinstance(port, dict)]


def _shown(path: Path, document: Document, root: str) -> str:
    """写在错误里的路径：在配置目录里的照命令行的写法。"""
    folder = document.path.parent.parent
    inside = path.is_relative_to(folder)
    return str(Path(root) / path.relative_to(folder)) if inside else str(path)
