"""报告里写的时刻（ISO 8601）怎样读。"""

from __future__ import annotations

from datetime import UTC, datetime


def moment(text: str) -> datetime | None:
    """带时区的时刻；没写时区的当作 UTC，读不懂的为 None。"""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def unix_time(text: str) -> float | None:
    """同上，Unix 秒。"""
    found = moment(text)
    return None if found is None else found.timestamp()
