"""报告之外画一页要用的东西：两边的原始行、许可的形状、服务日志的末尾、配置与命令。"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import RunReport

Tables = Callable[[str], pa.Table | None]
"""场景 → 它的 REQUESTS 表；没有存下来则为 None。"""


def no_tables(_: str) -> pa.Table | None:
    """没有原始行。"""
    return None


@dataclass(frozen=True, slots=True)
class Log:
    """一份服务日志的末尾；`size` 是整份的字节数。"""

    name: str
    tail: str
    size: int


@dataclass(frozen=True, slots=True)
class Material:
    """缺什么都行：没有原始行就没有曲线，没有基线就没有虚线。

    `base` 是基线的原始行；`plans` 是场景 → 压测档位，许可的台阶由它算；
    `logs` 是场景 → 各份日志的末尾；`config` 与 `command` 是存盘的原文，密钥早已盖住。
    `linked` 是页面放在 runs/{ts}/ 里，文件名可以是链接；`between` 是两次运行的对照，基线就是 A。
    """

    now: Tables = no_tables
    base: Tables = no_tables
    baseline: RunReport | None = None
    plans: Mapping[str, PerfSpec] = field(default_factory=dict)
    logs: Mapping[str, tuple[Log, ...]] = field(default_factory=dict)
    config: str = ""
    command: str = ""
    linked: bool = True
    between: bool = False
