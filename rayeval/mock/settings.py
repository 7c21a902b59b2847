"""内置服务的设定：一次启动里不变的一切，来自命令行。"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

JITTERS: tuple[str, ...] = ("none", "uniform", "exp", "lognormal")


@dataclass(frozen=True, slots=True)
class Jitter:
    """间隔的抖动：均值总是 1 的乘数；`spread` 是 uniform 的半宽或 lognormal 的 σ。"""

    kind: str = "none"
    spread: float = 0.0

    def factor(self, rng: random.Random) -> float:
        """抽一个非负乘数。"""
        if self.kind == "uniform":
            return rng.uniform(1 - self.spread, 1 + self.spread)
        if self.kind == "exp":
            return rng.expovariate(1.0)
        if self.kind == "lognormal":
            return math.exp(rng.gauss(-self.spread**2 / 2, self.spread))
        return 1.0


def parse_jitter(text: str) -> Jitter:
    """`none`、`exp`、`uniform:0.2`、`lognormal:0.3` → Jitter；别的写法抛 ValueError。"""
    kind, _, value = text.partition(":")
    if kind not in JITTERS:
        raise ValueError(f"jitter {text!r}: write none, exp, uniform:WIDTH or lognormal:SIGMA")
    spread = float(value) if value else 0.0
    limit = 1.0 if kind == "uniform" else math.inf
    if not 0 <= spread <= limit or (kind in {"uniform", "lognormal"} and not value):
        raise ValueError(f"jitter {text!r}: write a number after the colon, at least 0")
    return Jitter(kind, spread)


@dataclass(frozen=True, slots=True)
class Routes:
    """作路由时的两边：预填与解码实例的地址。"""

    prefill: tuple[str, ...]
    decode: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Settings:
    """全部启动参数；时间以毫秒写，因为命令行如此。

    `role_ms` 是角色块（不是词元）离请求到达多久；`late_ms` 是迟到 P99 的容忍上限；
    `faults` 是 `--fault` 的原文，各是 NAME 或 NAME:every=N,after=N,burst=N。
    """

    host: str = "127.0.0.1"
    port: int = 8000
    models: tuple[str, ...] = ("mock",)
    ttft_ms: float = 0.0
    itl_ms: float = 0.0
    role_ms: float = 0.0
    jitter: Jitter = field(default_factory=Jitter)
    late_ms: float = 2.0
    seed: int = 0
    max_model_len: int = 32768
    api_key: str | None = field(default=None, repr=False)
    reasoning: bool = False
    reasoning_key: str = "reasoning_content"
    answer_key: str | None = None
    accuracy: float = 1.0
    log: str | None = None
    faults: tuple[str, ...] = ()
    routes: Routes | None = None

    @property
    def paced(self) -> bool:
        """是否许诺了时间；没许诺就谈不上迟到。"""
        return self.ttft_ms > 0 or self.itl_ms > 0
