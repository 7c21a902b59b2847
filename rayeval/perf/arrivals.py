"""开环的计划时刻：事先算好的绝对时刻，与请求做得多快无关。"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rayeval.domain.perf import OpenLoop


def deadlines(load: OpenLoop, number: int, seed: int) -> npt.NDArray[np.float64]:
    """`number` 个计划时刻，自零点起的秒，不减；同样的参数给同样的时刻。

    constant：间隔恒为 1/rate，第一个在 0；gamma：间隔服从形状为 burstiness、均值为 1/rate 的
    gamma 分布（1 即泊松到达）。全体一起抽，再分给各压测者，所以分几份都是同一串。
    """
    if load.arrival == "constant":
        return np.arange(number, dtype=np.float64) / load.request_rate
    shape = load.burstiness
    gaps = np.random.default_rng(seed).gamma(shape, 1.0 / (load.request_rate * shape), number)
    return np.cumsum(gaps)
