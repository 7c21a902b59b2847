"""正在跑的服务的端口，与启动它时要知道的身外之事。"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rayeval.domain.service import Endpoint


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """启动时要知道的身外之事：本次运行的名字、别的节点怎样找到本机。"""

    run_id: str
    host: str


class Running(Protocol):
    """一份正在跑的服务。"""

    @property
    def endpoint(self) -> Endpoint:
        """请求发往哪里。"""
        ...

    def death(self) -> str | None:
        """已经死了就说怎么死的，活着为 None。"""
        ...

    def new_log(self) -> bytes:
        """上次之后新增的日志字节。"""
        ...

    def log_tail(self) -> str:
        """日志末尾若干行。"""
        ...

    def stop(self) -> None:
        """停下并收拾干净；可重复调用；之后 new_log 仍可读尽。"""
        ...
