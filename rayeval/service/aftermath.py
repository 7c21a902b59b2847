"""善后：没来得及自己收场的（进程被杀、节点没了），由驱动端与下一次运行替它收。

本地服务随看守而去，这里只扫漏网的；Kubernetes 的对象没有这样的牵连，要按标签去删。
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from rayeval.domain.scenario import Scenario
from rayeval.domain.service import KubernetesService
from rayeval.errors import LaunchError
from rayeval.service.kube.api import Api, ApiError, connect
from rayeval.service.kube.sweep import leftovers, sweep_dead, sweep_run
from rayeval.service.sweep import end, orphans

GONE_S = 60.0
PATIENCE_S = 10.0
"""善后时一次调用的时限，秒：够不着的集群不该拖住整次运行。"""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Place:
    """集群里的一处。"""

    kubeconfig: str | None
    context: str | None
    namespace: str

    def __str__(self) -> str:
        """写成 `namespace demo (kubeconfig /x)`。"""
        where = f"kubeconfig {self.kubeconfig}" if self.kubeconfig else "in-cluster"
        context = f", context {self.context}" if self.context else ""
        return f"namespace {self.namespace} ({where}{context})"


def clear_away(scenario: Scenario, run_id: str) -> str | None:
    """替一个没走完的场景删掉它在集群里的东西；删净为空串，没有要删的种类为 None，否则说剩下的。"""
    place = place_of(scenario)
    if place is None:
        return None
    try:
        with _at(place) as api:
            left = sweep_run(api, run_id, scenario.id, GONE_S)
    except (LaunchError, ApiError) as error:
        left = [str(error)]
    if not left:
        return ""
    return f"{'; '.join(left)}; when that is mended: rayeval cleanup --run-id {run_id}"


def place_of(scenario: Scenario) -> Place | None:
    """场景部署在哪里；不在 Kubernetes 上为 None。"""
    service = scenario.service
    if not isinstance(service, KubernetesService):
        return None
    return Place(service.kubeconfig, service.context, service.namespace)


def sweep_before(scenarios: Iterable[Scenario]) -> None:
    """运行之前：没人管的服务进程、主人已死的各次运行的对象，都收掉；够不着的集群留给启动去说。"""
    for process in end(orphans()):
        told = "ended %s, left behind by run %s, whose own process is gone"
        _log.warning(told, process, process.run_id)
    places = {place for scenario in scenarios if (place := place_of(scenario)) is not None}
    for place in places:
        try:
            with _at(place) as api:
                for problem in sweep_dead(api, GONE_S):
                    _log.warning("left behind in %s: %s", place, problem)
        except (LaunchError, ApiError) as error:
            _log.info("not swept: %s: %s", place, error)


def cleanup_place(place: Place, run_id: str) -> tuple[list[str], list[str]]:
    """删掉一次运行在一处的一切；给出找到的与没删掉的。够不着抛 LaunchError 或 ApiError。"""
    with _at(place) as api:
        found = leftovers(api, run_id)
        return found, sweep_run(api, run_id, None, GONE_S)


def _at(place: Place) -> AbstractContextManager[Api]:
    """连上一处。"""
    return connect(place.kubeconfig, place.context, place.namespace, patience_s=PATIENCE_S)
