"""从集群外找到服务：NodePort 按 Service 与端口名，节点按就绪与地址；都允许写死。"""

from __future__ import annotations

import contextlib
import socket

from rayeval.domain.service import KubernetesService
from rayeval.errors import LaunchError
from rayeval.manifest import Object
from rayeval.service.kube.api import Api, ApiError, explain
from rayeval.service.kube.pods import condition, name_of, status_of

CONNECT_S = 2.0
_KINDS = ("InternalIP", "ExternalIP", "Hostname")


def node_port(api: Api, spec: KubernetesService) -> int | None:
    """服务的 NodePort；Service 还没有则为 None（也许控制器还在造），它不对则抛 LaunchError。"""
    name = spec.service_name
    try:
        found = api.find(f"/api/v1/namespaces/{api.namespace}/services/{name}")
    except ApiError as error:
        if spec.node_port is not None:
            return spec.node_port
        raise LaunchError(explain(error, f"read Service {name}")) from None
    if found is None:
        return spec.node_port
    ports = [p for p in (found.get("spec") or {}).get("ports") or [] if isinstance(p, dict)]
    named = [port for port in ports if port.get("name") == spec.port_name]
    if not named and len(ports) == 1 and not ports[0].get("name"):
        named = ports  # 唯一的端口可以不起名
    port = named[0].get("nodePort") if named else None
    if isinstance(port, int):
        return port
    if spec.node_port is not None:
        return spec.node_port
    kind = (found.get("spec") or {}).get("type") or "ClusterIP"
    listed = ", ".join(str(p.get("name") or p.get("port")) for p in ports) or "none"
    message = (
        f"Service {name} has no NodePort for port {spec.port_name!r}: its type is {kind}, its "
        f"ports are {listed}; make it type NodePort, mend k8s.port_name, or give k8s.node_port"
    )
    raise LaunchError(message)


def node_hosts(api: Api, spec: KubernetesService, pods: list[Object]) -> list[str]:
    """可以敲的节点地址，跑着我们的 Pod 的在前；一个也没有则抛 LaunchError。"""
    if spec.node_host is not None:
        return [spec.node_host]
    homes = [str(status_of(pod).get("hostIP")) for pod in pods if status_of(pod).get("hostIP")]
    try:
        nodes = [item for item in api.get("/api/v1/nodes").get("items") or [] if _usable(item)]
    except ApiError as error:
        if homes:  # 没有权限看节点：Pod 自己说了住在哪
            return list(dict.fromkeys(homes))
        words = explain(error, "list the nodes")
        raise LaunchError(f"{words}; or give k8s.node_host") from None
    occupied = {str((pod.get("spec") or {}).get("nodeName")) for pod in pods}
    nodes.sort(key=lambda node: name_of(node) not in occupied)
    hosts = [host for kind in _KINDS for node in nodes for host in _addresses(node, kind)]
    if not hosts:
        message = "no node is Ready and has an address; mend the cluster, or give k8s.node_host"
        raise LaunchError(message)
    return list(dict.fromkeys(hosts))


def answering(hosts: list[str], port: int) -> str | None:
    """第一个端口通的地址；都不通为 None。"""
    for host in hosts:
        with contextlib.suppress(OSError), socket.create_connection((host, port), CONNECT_S):
            return host
    return None


def _usable(node: object) -> bool:
    """就绪的节点；停止调度的也行，NodePort 照样在。"""
    return isinstance(node, dict) and condition(node, "Ready").get("status") == "True"


def _addresses(node: Object, kind: str) -> list[str]:
    """一个节点某一种地址。"""
    return [
        str(entry["address"])
        for entry in status_of(node).get("addresses") or []
        if isinstance(entry, dict) and entry.get("type") == kind and entry.get("address")
    ]
