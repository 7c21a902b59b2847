"""本工具自身的异常树；被测服务的毛病是数据，不在此列。

RayevalError                    退出码 3，除非子类另有规定
├─ UsageError            2      命令行用错
├─ ConfigError           2      配置有错；带着全部问题
├─ InfrastructureError   3      跑不起来：集群、磁盘、节点
│  ├─ ClusterError       3      连不上 Ray，或节点不一致
│  └─ PushError          3      指标没能推到 Pushgateway
├─ ServiceError          3      服务这一侧的失败；流水线把它折成 StageResult
│  ├─ LaunchError        3      起不来
│  ├─ NotReadyError      3      预算内未能生成
│  ├─ ServiceLostError   3      跑到一半没了
│  └─ TeardownError      3      没能收干净
└─ CancelledRun        130      用户中断
"""

from __future__ import annotations

from dataclasses import dataclass


class RayevalError(Exception):
    """本工具抛出的一切异常之根；`exit_code` 由各类自己定。"""

    exit_code = 3


class UsageError(RayevalError):
    """命令行参数不成立。"""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Problem:
    """一处配置错误：在哪、错在哪、该怎么写。行列从 1 起；0 表示整份文件。"""

    file: str
    line: int
    column: int
    field: str
    message: str

    def __str__(self) -> str:
        """写成编辑器能跳转的 `file:line:column: field: message`。"""
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return (
            f"{where}: {self.field}: {self.message}" if self.field else f"{where}: {self.message}"
        )


class ConfigError(RayevalError):
    """配置不合法；`problems` 是一次找全的所有问题，按文件与行排序。"""

    exit_code = 2

    def __init__(self, problems: list[Problem]) -> None:
        """收下所有问题并排序。"""
        self.problems = sorted(problems, key=lambda p: (p.file, p.line, p.column))
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InfrastructureError(RayevalError):
    """环境撑不起这次运行：没有集群、没有磁盘、没有一个场景就绪。"""


class ClusterError(InfrastructureError):
    """连不上 Ray 集群，或各节点的代码、Python、Ray 不一致。"""


class PushError(InfrastructureError):
    """指标没能推上去；`hopeless` 为真表示别的组也一样推不上去，不必再试。"""

    def __init__(self, message: str, *, hopeless: bool = False) -> None:
        """记下还值不值得试别的组。"""
        self.hopeless = hopeless
        super().__init__(message)


class ServiceError(RayevalError):
    """被测服务这一侧的失败；`log_tail` 是服务日志的末尾。"""

    def __init__(self, message: str, *, log_tail: str = "") -> None:
        """带上日志末尾，便于一眼看出死因。"""
        self.log_tail = log_tail
        super().__init__(message)

    def __reduce__(self) -> tuple[object, ...]:
        """跨进程时不丢日志末尾。"""
        return (_rebuild_service_error, (type(self), str(self), self.log_tail))


class LaunchError(ServiceError):
    """服务没能启动。"""


class NotReadyError(ServiceError):
    """服务在启动预算内没有真正生成过。"""


class ServiceLostError(ServiceError):
    """服务在测量途中消失。"""


class TeardownError(ServiceError):
    """服务没能收干净；消息列出剩下的与缘故。"""


class CancelledRun(RayevalError):  # noqa: N818 中断是请求，不是错误
    """用户要求停下（Ctrl-C、SIGTERM）。"""

    exit_code = 130


def _rebuild_service_error(kind: type[ServiceError], message: str, log_tail: str) -> ServiceError:
    """反序列化 ServiceError。"""
    return kind(message, log_tail=log_tail)
