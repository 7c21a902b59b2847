"""Kubernetes 上的服务：施用清单，看着 Pod，经 NodePort 访问；离开时收得干干净净。"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint, KubernetesService
from rayeval.errors import LaunchError, TeardownError
from rayeval.manifest import RUN_VARIABLES, ManifestError, Object, render
from rayeval.service.external import endpoint_at
from rayeval.service.kube import pods as pod_state
from rayeval.service.kube.address import answering, node_hosts, node_port
from rayeval.service.kube.api import Api, ApiError, connect, explain
from rayeval.service.kube.apply import Applied
from rayeval.service.kube.describe import scene, warnings
from rayeval.service.kube.logs import LogBook
from rayeval.service.kube.stamp import Stamp
from rayeval.service.kube.watch import PodWatch
from rayeval.service.kube.workload import creation_denied, failed, unfinished
from rayeval.service.running import LaunchContext

LOG_END_S = 10.0
"""容器停下之后，等日志读到头的时限，秒。"""
_EVENTS_QUOTED = 5


class KubernetesRunning:
    """一份部署在集群里的服务。"""

    def __init__(self, api: Api, scenario: Scenario, stamp: Stamp, applied: Applied) -> None:
        """清单已经施用；从此看着它的 Pod，跟着它的日志。"""
        assert isinstance(scenario.service, KubernetesService)  # noqa: S101 由 kind 分派而来
        self._api, self._scenario, self._spec = api, scenario, scenario.service
        self._stamp, self._applied = stamp, applied
        self._book = LogBook(api)
        self._watch = PodWatch(api, stamp.selector, self._book.notice)
        self._endpoint: Endpoint | None = None
        self._restarts: dict[str, dict[str, int]] | None = None
        self._homeless: dict[str, float] = {}
        self._stopped = False
        self._verdict: str | None = None

    @property
    def endpoint(self) -> Endpoint:
        """请求发往哪里；安顿下来之前没有。"""
        if self._endpoint is None:
            raise LaunchError("the address is not known before the pods are ready")
        return self._endpoint

    def settle(self) -> str | None:
        """Pod 都好了、节点上的端口通了为 None；还没有则说在等什么；不成抛 LaunchError。"""
        try:
            workloads = self._workloads()
        except ApiError as error:
            return explain(error, "look at the workloads")
        waits = []
        for item in workloads:
            self._refuse(failed(item), item)
            missing = unfinished(item)
            if missing is not None:
                self._refuse_denied(item)
                waits.append(f"{item.get('kind')} {pod_state.name_of(item)}: {missing}")
        pods = self._watch.pods()
        waits += [pod_state.pending(pod) for pod in pods if not pod_state.is_ready(pod)]
        if waits:
            return "; ".join(waits[:4])
        return self._find_address(pods)

    def death(self) -> str | None:
        """安顿之前：已可断定起不来的缘故；之后：丢了的缘故；收场开始后不再说。"""
        if self._stopped:
            return None
        if self._verdict is None:
            told = self._lost() if self._restarts is not None else self._doomed()
            self._verdict = told and self._with_events(*told)
        return self._verdict

    def new_logs(self, limit: int) -> list[tuple[str, bytes]]:
        """新增的日志，按 Pod 与容器分。"""
        return self._book.take(limit)

    def log_tail(self) -> str:
        """各容器日志的末尾。"""
        return self._book.tail()

    def stop(self) -> None:
        """收回施用的一切，等它们消失，把日志收到最后一行；有剩下的抛 TeardownError。"""
        if self._stopped:
            return
        self._describe()
        self._stopped = True
        left = self._applied.delete()
        self._book.finish(LOG_END_S if not left else 0.5)
        self._watch.stop()
        if left:
            listed = "; ".join(left)
            message = (
                f"{listed}; when that is mended: rayeval cleanup --run-id {self._stamp.run_id}"
            )
            raise TeardownError(message, log_tail=self.log_tail())

    def _workloads(self) -> list[Object]:
        """施用过的东西此刻的样子；不见了的当作还没好。"""
        found = ((piece, self._api.find(piece.path)) for piece in self._applied.pieces)
        return [
            now or {"kind": piece.kind, "metadata": {"name": piece.name}, "status": {}}
            for piece, now in found
        ]

    def _find_address(self, pods: list[Object]) -> str | None:
        """NodePort 与一个敲得开的节点。"""
        port = node_port(self._api, self._spec)
        if port is None:
            return f"Service {self._spec.service_name} does not exist yet"
        hosts = node_hosts(self._api, self._spec, pods)
        host = answering(hosts, port)
        if host is None:
            return f"NodePort {port} is not open on {', '.join(hosts)}"
        shown = f"[{host}]" if ":" in host else host
        self._endpoint = endpoint_at(self._scenario, f"http://{shown}:{port}/v1")
        self._restarts = {pod_state.uid_of(pod): pod_state.restarts(pod) for pod in pods}
        return None

    def _refuse(self, reason: str | None, item: Object) -> None:
        """有缘故就不等了。"""
        if reason is not None:
            told = f"{item.get('kind')} {pod_state.name_of(item)}: {reason}"
            raise LaunchError(self._with_events(told, pod_state.name_of(item)))

    def _refuse_denied(self, item: Object) -> None:
        """控制器造不出 Pod（配额、准入）：StatefulSet 与 Job 只在事件里说。"""
        if item.get("kind") in {"StatefulSet", "Job", "DaemonSet"} and not self._watch.pods():
            denied = [
                w for w in warnings(self._api, [pod_state.name_of(item)]) if creation_denied(w)
            ]
            self._refuse(denied[-1] if denied else None, item)

    def _doomed(self) -> tuple[str, str] | None:
        """起不来的缘故，与出事的 Pod。"""
        now, homeless = time.monotonic(), {}
        for pod in self._watch.pods():
            reason = pod_state.doom(pod)
            waiting = pod_state.unscheduled(pod)
            if waiting is not None:
                since = homeless[pod_state.uid_of(pod)] = self._homeless.get(
                    pod_state.uid_of(pod), now
                )
                if now - since >= self._spec.unschedulable_s:
                    reason = f"{waiting} (for {now - since:.0f} s)"
            if reason is not None:
                return reason, pod_state.name_of(pod)
        self._homeless = homeless
        return None

    def _lost(self) -> tuple[str, str] | None:
        """就绪之后丢了的缘故，与出事的 Pod。"""
        known = self._restarts or {}
        for pod in self._watch.pods():
            reason = pod_state.loss(pod, known.get(pod_state.uid_of(pod), {}))
            if reason is not None:
                return reason, pod_state.name_of(pod)
        for pod in self._watch.gone():
            finished = pod_state.status_of(pod).get("phase") == "Succeeded"
            if pod_state.uid_of(pod) in known and not finished:
                name = pod_state.name_of(pod)
                return f"pod {name} is gone: someone deleted it, or it was evicted", name
        return None

    def _with_events(self, told: str, name: str) -> str:
        """缘故之后引上事件里的话。"""
        quoted = [word for word in warnings(self._api, [name]) if word not in told]
        return told + "".join(f"; event {word}" for word in quoted[-_EVENTS_QUOTED:])

    def _describe(self) -> None:
        """出过事（没就绪、丢了、有警告）就把现场也收进日志。"""
        pods = self._watch.pods()
        well = self._restarts is not None and self._verdict is None
        if well and all(pod_state.is_ready(pod) for pod in pods):
            return
        try:
            page = scene(self._api, self._stamp, self._workloads(), pods)
        except ApiError as error:
            page = f"{error}\n"
        self._book.add("describe", page.encode())


@contextmanager
def kubernetes(scenario: Scenario, context: LaunchContext) -> Iterator[KubernetesRunning]:
    """部署场景的服务；离开时施用过的都已删除。连不上、施用不成抛 LaunchError。"""
    spec = scenario.service
    assert isinstance(spec, KubernetesService)  # noqa: S101 由 kind 分派而来
    objects = rendered(scenario, context.run_id)
    stamp = Stamp(context.run_id, scenario.id, context.owner)
    with connect(spec.kubeconfig, spec.context, spec.namespace) as api:
        applied = Applied(api, stamp)
        running = None
        try:
            applied.apply(objects)
            running = KubernetesRunning(api, scenario, stamp, applied)
            yield running
        finally:
            if running is not None:
                running.stop()
            else:
                applied.delete()


def rendered(scenario: Scenario, run_id: str) -> list[Object]:
    """场景的清单，变量都已代入；不成抛 LaunchError，说哪份文件哪一行。"""
    spec = scenario.service
    assert isinstance(spec, KubernetesService)  # noqa: S101 由 kind 分派而来
    own = (run_id, scenario.id, spec.namespace, scenario.model, scenario.served_model_name)
    values = {**spec.env, **dict(zip(RUN_VARIABLES, own, strict=True))}
    objects: list[Object] = []
    for manifest in spec.manifests:
        try:
            objects += render(manifest.text, values)
        except ManifestError as error:
            raise LaunchError(f"{manifest.file}:{error.line}:{error.column}: {error}") from None
    return objects
