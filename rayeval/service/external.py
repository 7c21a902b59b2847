"""外部服务：已经在跑，只有地址；不启动，不停止，没有日志。"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint, ExternalService
from rayeval.service.running import LaunchContext


class ExternalRunning:
    """一份别人的服务；它的生死只能从请求里看出来。"""

    def __init__(self, endpoint: Endpoint) -> None:
        """记住地址。"""
        self.endpoint = endpoint

    def death(self) -> str | None:
        """无从得知。"""
        return None

    def settle(self) -> str | None:
        """早就在了。"""
        return None

    def new_logs(self, limit: int) -> list[tuple[str, bytes]]:  # noqa: ARG002 端口如此
        """没有日志。"""
        return []

    def log_tail(self) -> str:
        """没有日志。"""
        return ""

    def stop(self) -> None:
        """不归我们停。"""


@contextmanager
def external(scenario: Scenario, _context: LaunchContext) -> Iterator[ExternalRunning]:
    """给出外部服务的地址。"""
    assert isinstance(scenario.service, ExternalService)  # noqa: S101 由 kind 分派而来
    yield ExternalRunning(endpoint_at(scenario, scenario.service.base_url))


def endpoint_at(scenario: Scenario, base_url: str) -> Endpoint:
    """场景在某个地址上的 Endpoint；密钥与额外的头来自提供方。"""
    provider = scenario.provider
    return Endpoint(
        base_url=base_url.rstrip("/"),
        model=provider.model_name or scenario.served_model_name,
        api_key=provider.api_key,
        headers=tuple(sorted(provider.headers.items())),
    )
