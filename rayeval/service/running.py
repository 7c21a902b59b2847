"""正在跑的服务的端口，与启动它时要知道的身外之事。"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from rayeval.domain.service import Endpoint


@dataclass(frozen=True, slots=True)
class LaunchContext:
    """启动时要知道的身外之事：本次运行的名字、别的节点怎样找到本机、谁起的这次运行。"""

    run_id: str
    host: str
    owner: str = ""


class Running(Protocol):
    """一份正在跑的服务。"""

    @property
    def endpoint(self) -> Endpoint:
        """请求发往哪里；安顿下来之前可能还没有。"""
        ...

    def settle(self) -> str | None:
        """值得发请求了为 None，否则说还在等什么；已可断定不成抛 LaunchError。"""
        ...

    def death(self) -> str | None:
        """已经死了就说怎么死的，活着为 None。"""
        ...

    def new_logs(self, limit: int) -> list[tuple[str, bytes]]:
        """上次之后新增的日志：来处（一份服务只有一处时为空串）与字节，总共约 `limit` 字节。"""
        ...

    def log_tail(self) -> str:
        """日志末尾若干行。"""
        ...

    def stop(self) -> None:
        """停下并收拾干净；可重复调用；之后 new_logs 仍可读尽。"""
        ...
