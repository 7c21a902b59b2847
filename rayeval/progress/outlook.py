"""整次运行走到了哪里：几个过了、几个没过、还剩多久（说得准才说）。"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from rayeval.progress.row import Phase, Row

ORDER = (
    Phase.RUNNING,
    Phase.FAILED,
    Phase.STOPPED,
    Phase.WAITING,
    Phase.PASSED,
    Phase.KEPT,
)
"""数的次序。"""


def counted(rows: Iterable[Row]) -> list[tuple[Phase, int]]:
    """各种样子的场景各几个，没有的不列。"""
    numbers = Counter(row.phase for row in rows)
    return [(phase, numbers[phase]) for phase in ORDER if numbers[phase]]


def eta_s(rows: Sequence[Row], now: float) -> float | None:
    """整次运行还剩多久：在跑的按自己的进度，等着的按做完的平均；说不准为 None。"""
    took = [row.ended - row.began for row in rows if row.ended is not None and row.began]
    usual = sum(took) / len(took) if took else None
    running = [row for row in rows if row.phase is Phase.RUNNING]
    waiting = sum(row.phase is Phase.WAITING for row in rows)
    left = [_left(row, usual, now) for row in running]
    known = [seconds for seconds in left if seconds is not None]
    if not running or len(known) < len(left) or (waiting and usual is None):
        return None
    queue = waiting * (usual or 0.0)
    return max(*known, (sum(known) + queue) / len(running))


def _left(row: Row, usual: float | None, now: float) -> float | None:
    """一个在跑的场景还剩多久。"""
    own = row.eta_s(now)
    if row.measures_last and own is not None:
        return own
    return None if usual is None else max(usual - (now - row.began), own or 0.0)
