"""判定：规则（GateSpec）、发现（Finding）、裁决（Verdict）。"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from rayeval.domain.model import Model


class GateSpec(Model):
    """门禁的阈值；恰好等于阈值不算越过。比例都是 0 到 1。"""

    max_ttft_p99_increase: float = Field(
        default=0.10, ge=0, description="relative rise of TTFT P99"
    )
    max_e2e_p99_increase: float = Field(default=0.10, ge=0, description="relative rise of E2E P99")
    max_qps_decrease: float = Field(default=0.05, ge=0, description="relative fall of QPS")
    max_fail_ratio: float = Field(default=0.05, ge=0, description="failed ÷ issued requests")
    functional: str = Field(
        default="compat",
        pattern="^(compat|strict)$",
        description=(
            "verdict on functional cases: compat, what clients need, or strict, the interface "
            "to the letter"
        ),
    )
    missing_baseline: str = Field(
        default="warn",
        pattern="^(ignore|warn|fail)$",
        description="what a missing baseline is worth",
    )


class Level(StrEnum):
    """一条发现的分量。"""

    OK = "ok"
    INFO = "info"
    WARN = "warn"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Finding:
    """一条发现：哪条规则、在哪、数字与阈值、一句话。

    `kind` 取 passed broken improved missing_baseline incomparable uncertified not_measured；
    `change` 是相对变化（now − base）/base，没有基线时为 None。
    """

    rule: str
    level: Level
    kind: str
    scenario: str
    where: str
    message: str
    now: float | None = None
    base: float | None = None
    change: float | None = None
    threshold: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """裁决：全部发现，与由它们决定的退出码（0 过、1 败、3 无一场景就绪、4 无法定论）。"""

    findings: tuple[Finding, ...]
    exit_code: int
    baseline: str | None = None

    def at(self, *levels: Level) -> tuple[Finding, ...]:
        """某些分量的发现，次序不变。"""
        return tuple(f for f in self.findings if f.level in levels)
