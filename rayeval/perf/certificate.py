"""证书：发生器是否守约。只看压测者的自证，纯函数；修法总是更多压测者或更静的机器。"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rayeval.domain.load import MIN_ASKED, Certificate, WorkerHealth
from rayeval.perf.crew import Haul

MIN_DELIVERED = 0.98
"""实际在途与许可之比的下限。"""
MAX_LAG_P99_S = 0.005
"""循环迟到 P99 的上限，秒。"""
MIN_WALL_FOR_P99_S = 5.0
"""跑得比这还短就不判 P99：不足五百次采样，几次操作系统的调度就定了它。"""
MAX_LAG_S = 0.040
"""循环迟到的上限，秒。每 10 ms 采一次，卡住 50 ms 显出的迟到在 40 与 50 ms 之间。"""
MAX_CPU_SHARE = 0.9
"""循环的线程占一核的上限：再多，读就要排队。"""
MAX_STARVED_SHARE = 0.10
"""循环想跑却在等 CPU 的份额的上限：再多就是有人与它抢同一个核。"""
MIN_WALL_FOR_CPU_S = 1.0
"""跑得比这还短就不判 CPU：一开头的解读就能占满它。"""


def certify(hauls: Sequence[Haul]) -> Certificate:
    """各压测者（各个 epoch）的收获 → 一个 cell 的证书；`reasons` 逐条写明越过了什么、怎么修。"""
    reasons = tuple(reason for haul in hauls for reason in _reasons(haul))
    unique = tuple(dict.fromkeys(reasons))
    healths = tuple(haul.health for haul in hauls if haul.health is not None)
    if not hauls:
        unique = ("no load worker took part",)
    return Certificate(not unique, unique, healths)


def _reasons(haul: Haul) -> Iterator[str]:
    """一个压测者违了哪些约。"""
    who = f"worker {haul.worker}"
    if haul.lost:
        yield f"{who} was lost and its rows with it: {haul.lost}"
    health = haul.health
    if health is None:
        return
    if health.permits_asked >= MIN_ASKED:
        ratio = health.permits_delivered / health.permits_asked
        if ratio < MIN_DELIVERED and health.slip_max_s > 0:
            late = f"P99 {health.slip_p99_s * 1e3:.0f} ms late"
            yield f"{who} sent {ratio:.1%} of its requests on time, {late}; use more workers"
        elif ratio < MIN_DELIVERED:
            yield f"{who} kept {ratio:.1%} of its permits in flight; use more workers"
    yield from _slowness(who, health)
    surplus = health.connections_opened - health.connections_dropped - health.permits_peak
    if surplus > 0:
        yield f"{who} opened {surplus} connections instead of reusing its own; report this"


def _slowness(who: str, health: WorkerHealth) -> Iterator[str]:
    """循环迟到与 CPU。"""
    worst, p99 = health.loop_lag_max_s, health.loop_lag_p99_s
    if worst > MAX_LAG_S:
        yield f"{who} stalled for {worst * 1e3:.0f} ms; free the machine or use more workers"
    elif p99 > MAX_LAG_P99_S and health.wall_s >= MIN_WALL_FOR_P99_S:
        yield f"{who} read late, P99 {p99 * 1e3:.1f} ms; free the machine or use more workers"
    if health.starved_share > MAX_STARVED_SHARE and health.wall_s >= MIN_WALL_FOR_CPU_S:
        yield (
            f"{who} waited {health.starved_share:.0%} of the time for its core; "
            "free the machine or use more workers"
        )
    if health.cpu_share > MAX_CPU_SHARE and health.wall_s >= MIN_WALL_FOR_CPU_S:
        yield f"{who} used {health.cpu_share:.0%} of its core; use more workers"
