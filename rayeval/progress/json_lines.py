"""同样的节奏，每行一个 JSON 对象，给机器读。"""

from __future__ import annotations

import json

from rayeval.progress.plain import PlainView
from rayeval.progress.row import Row
from rayeval.progress.words import clean


class JsonView(PlainView):
    """字段总是那些；此刻没有的为 null。"""

    def _line(self, row: Row, now: float, event: str, message: str) -> str:
        """一行的样子。时间是秒；`permits` 是此刻许可的在途。"""
        counters = row.counters if row.stage == "perf" else None
        rate, left = row.rate(now), row.eta_s(now)
        return _dumped(
            {
                "scenario": clean(row.name),
                "stage": clean(row.stage),
                "event": event,
                "message": clean(message),
                "done": row.done,
                "total": row.total,
                "in_flight": None if counters is None else counters.in_flight,
                "failed": None if counters is None else counters.failed,
                "permits": None if counters is None else counters.permits,
                "tokens_per_s": None if rate is None else round(rate, 1),
                "eta_s": None if left is None else round(left, 1),
                "cell": None if row.cell is None else row.cell.id,
                "epoch": row.epoch or None,
                "not_passed": row.bad_cases if row.stage == "functional" else None,
            }
        )

    def _stop_line(self, message: str) -> str:
        """要停了的那一行。"""
        return _dumped({"scenario": None, "stage": None, "event": "stopping", "message": message})


def _dumped(body: dict[str, object]) -> str:
    """一行 JSON。"""
    return json.dumps(body, ensure_ascii=False)
