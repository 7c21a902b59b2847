"""判定：规则（GateSpec）、发现（Finding）、裁决（Verdict）。"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from pydantic import Field, field_validator

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
    mode: str = Field(
        default="contract",
        pattern="^(contract|robust)$",
        description=(
            "what decides: contract, the limits to the letter, or robust, which fails only beyond "
            "doubt; both are printed"
        ),
    )
    confirm: str = Field(
        default="auto",
        pattern="^(auto|always|never)$",
        description="measure a cell beyond a limit once more: auto, in mode robust; always; never",
    )
    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="confidence of the robust mode's intervals"
    )
    min_p99_samples: int = Field(
        default=100,
        ge=1,
        description="samples on each side below which a P99 can't fail in mode robust",
    )
    missing_baseline: str = Field(
        default="warn",
        pattern="^(ignore|warn|fail)$",
        description="what a missing baseline is worth",
    )

    @property
    def reruns(self) -> bool:
        """越界的 cell 是否在运行中复测一次。"""
        return self.confirm == "always" or (self.confirm == "auto" and self.mode == "robust")


class BaselineReset(Model):
    """一次基线重置：某刻之前的基线对某个场景不再作数；谁、为何，都写在仓库里。"""

    scenario: str = Field(description="scenario id; '*': every scenario")
    before: datetime = Field(description="baselines of runs that began before this do not count")
    reason: str = Field(min_length=10, description="why the old numbers no longer hold")
    by: str = Field(min_length=1, description="who decided, as the team knows them")

    @field_validator("before")
    @classmethod
    def _aware(cls, value: datetime) -> datetime:
        """没写时区的当作 UTC。"""
        return value if value.tzinfo else value.replace(tzinfo=UTC)


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

    `kind` 取 passed broken doubtful improved missing_baseline incomparable uncertified
    not_measured；doubtful 是 robust 判法下越了界而证据不足的。
    `change` 是相对变化（now − base）/base，没有基线时为 None；`n` 是两边较少的样本数；
    `low`、`high` 是变化（失败率则是它自己）的置信区间；
    `robust` 是 robust 判法对越界的看法：broken、inconclusive，没有越界为空。
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
    n: int | None = None
    low: float | None = None
    high: float | None = None
    robust: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """裁决：全部发现，与由它们决定的退出码（0 过、1 败、3 无一场景就绪、4 无法定论）。"""

    findings: tuple[Finding, ...]
    exit_code: int
    baseline: str | None = None

    def at(self, *levels: Level) -> tuple[Finding, ...]:
        """某些分量的发现，次序不变。"""
        return tuple(f for f in self.findings if f.level in levels)
