"""启动器的端口与登记处：ServiceSpec → 一份正在跑的服务，用完必收。"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager

from rayeval.domain.scenario import Scenario
from rayeval.errors import LaunchError
from rayeval.service.external import external
from rayeval.service.kubernetes import kubernetes
from rayeval.service.local import local
from rayeval.service.running import LaunchContext, Running

Launcher = Callable[[Scenario, LaunchContext], AbstractContextManager[Running]]

LAUNCHERS: Mapping[str, Launcher] = {
    "local": local,
    "external": external,
    "kubernetes": kubernetes,
}
"""ServiceSpec.kind → 启动器。"""


def launch(scenario: Scenario, context: LaunchContext) -> AbstractContextManager[Running]:
    """启动场景的服务；没有对应启动器或启动失败时抛 LaunchError。"""
    launcher = LAUNCHERS.get(scenario.service.kind)
    if launcher is None:
        known = ", ".join(sorted(LAUNCHERS))
        message = (
            f"mode {scenario.mode.value} has no launcher in this version (it launches: {known}); "
            "deploy the service yourself and measure it with mode: external"
        )
        raise LaunchError(message)
    return launcher(scenario, context)
