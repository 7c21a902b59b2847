"""指数退避加抖动，从不越过预算：最后一次等待恰好等到预算用完，再试最后一次。"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

FIRST_S = 0.1
SMALLEST_S = 1e-3
CAP_S = 30.0
"""两次尝试之间最多等这么久，秒。"""
JITTER = 0.25
"""抖动：等待乘以 1 − JITTER 到 1 之间的一个数，许多场景才不会同时去敲。"""


@dataclass(slots=True)
class Budget:
    """一份预算，几级阶梯共用；钟可以换，好让测试不必真等。"""

    seconds: float
    clock: Callable[[], float] = time.monotonic
    rng: random.Random = field(default_factory=random.Random)
    begin: float = field(init=False)

    def __post_init__(self) -> None:
        """从此刻算起。"""
        self.begin = self.clock()

    @property
    def spent(self) -> float:
        """已用，秒。"""
        return self.clock() - self.begin

    @property
    def left(self) -> float:
        """还剩，秒；不到一毫秒的算用完：浮点的零头永远减不到零。"""
        left = self.seconds - self.spent
        return left if left >= SMALLEST_S else 0.0

    def wait(self, attempt: int) -> float:
        """第 `attempt` 次（从 1 起）不成之后等多久，秒：指数增长，封顶，不越过预算。"""
        grown = min(CAP_S, FIRST_S * 2.0 ** min(attempt - 1, 32))
        return min(grown * (1 - JITTER * self.rng.random()), self.left)
