"""样本 → 画得动的几十个点：分布曲线、随时间的台阶与分位数。数字留四位有效数字。"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from rayeval.domain.schedule import Climb, Constant
from rayeval.export.page.samples import Floats, Samples

PROBABILITIES = np.concatenate(
    (np.linspace(0.0, 0.96, 49), (0.97, 0.98, 0.985, 0.99, 0.993, 0.996, 0.998, 0.999, 1.0))
)
"""分布曲线取样的位置：尾巴上密一些。"""
BINS = 60
"""随时间的曲线分成这么多段。"""
INSTANTS = 240
"""在途数取样的时刻数。"""
MOST_EPOCHS = 3
"""在途数至多画这么多遍；其余的形状相同。"""
MOST_STEPS = 400
"""许可的台阶至多画这么多级。"""
Numbers = list[float | None]


@dataclass(frozen=True, slots=True)
class Curve:
    """分布：`x` 毫秒，`y` 百分比，等长；没有样本则都空。"""

    x: Numbers
    y: Numbers


@dataclass(frozen=True, slots=True)
class Timeline:
    """一个 cell 随时间的样子；时间是秒，延迟是毫秒。

    `permits` 是台阶的（时刻，许可）；`in_flight` 是 epoch → 各 `instants` 的在途数；
    `middles` 是各段的中点，`ttft_p50`、`ttft_p99` 与 `errors`（错误类 → 个数）与它等长。
    """

    instants: Numbers
    in_flight: dict[int, Numbers]
    permits: tuple[Numbers, Numbers]
    middles: Numbers
    ttft_p50: Numbers
    ttft_p99: Numbers
    errors: dict[str, Numbers] = field(default_factory=dict)
    bin_s: float = 0.0


def distribution(seconds: Floats) -> Curve:
    """样本（秒）→ 分布曲线；分位数为线性插值，样本少于取样点时逐个画。"""
    if not seconds.size:
        return Curve([], [])
    at = PROBABILITIES
    if seconds.size < at.size:
        at = np.linspace(0.0, 1.0, seconds.size)
    return Curve(rounded(np.quantile(seconds, at) * 1000), rounded(at * 100))


def timeline(samples: Samples, schedule: Constant | Climb | None) -> Timeline:
    """样本与许可的形状 → 随时间的样子；各 epoch 从自己的零点起，叠在一起看。"""
    horizon = float(np.nanmax(samples.end, initial=0.0)) or 1.0
    edges = np.linspace(0.0, horizon, BINS + 1)
    instants = np.linspace(0.0, horizon, INSTANTS)
    epochs = np.unique(samples.epoch)[:MOST_EPOCHS]
    p50, p99 = _by_bin(samples, edges)
    return Timeline(
        instants=rounded(instants),
        in_flight={int(e): rounded(_in_flight(samples, int(e), instants)) for e in epochs},
        permits=([], []) if schedule is None else _steps(schedule, horizon),
        middles=rounded((edges[:-1] + edges[1:]) / 2),
        ttft_p50=p50,
        ttft_p99=p99,
        errors={
            kind: rounded(np.histogram(ends, edges)[0].astype(np.float64))
            for kind, ends in samples.failures()
        },
        bin_s=horizon / BINS,
    )


def _in_flight(samples: Samples, epoch: int, instants: Floats) -> Floats:
    """各时刻的在途数：已发出的减去已结束的。"""
    mine = samples.epoch == epoch
    begun = np.searchsorted(np.sort(samples.start[mine]), instants, side="right")
    ended = np.searchsorted(np.sort(samples.end[mine]), instants, side="right")
    return (begun - ended).astype(np.float64)


def _by_bin(samples: Samples, edges: Floats) -> tuple[Numbers, Numbers]:
    """各段里发出的请求的 TTFT P50 与 P99，毫秒；没有样本的段为 None。"""
    known = samples.success & ~np.isnan(samples.ttft)
    start, ttft = samples.start[known], samples.ttft[known]
    order = np.argsort(start, kind="stable")
    cuts = np.searchsorted(start[order], edges[1:-1])
    parts = np.split(ttft[order] * 1000, cuts)
    both = [np.quantile(part, (0.5, 0.99)) if part.size else (np.nan, np.nan) for part in parts]
    return rounded(p50 for p50, _ in both), rounded(p99 for _, p99 in both)


def _steps(schedule: Constant | Climb, horizon: float) -> tuple[Numbers, Numbers]:
    """许可的台阶：每级的起点，末了再补上终点。"""
    at: list[float] = [0.0]
    while len(at) < MOST_STEPS:
        change = schedule.next_change(at[-1])
        if change is None or change >= horizon:
            break
        at.append(change)
    heights = [float(schedule.permits_at(moment)) for moment in at]
    return rounded([*at, horizon]), rounded([*heights, heights[-1]])


def rounded(values: Iterable[float]) -> Numbers:
    """四位有效数字；不是数的为 None。"""
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]
