"""功能用例 → 一行一个用例的 CSV；文本不含控制字符，也不会被表格软件当作公式。"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rayeval.domain.functional import CaseResult
from rayeval.export.plain_csv import plain_csv

COLUMNS = (
    "Suite",
    "Case_Id",
    "Outcome",
    "Strict_Outcome",
    "Duration(s)",
    "Retries",
    "Message",
    "Strict_Message",
)
"""列，按次序。"""


def functional_csv(cases: Sequence[CaseResult]) -> bytes:
    """没有用例也有表头。"""
    return plain_csv(COLUMNS, [_row(case) for case in cases])


def _row(case: CaseResult) -> Mapping[str, Any]:
    """一个用例。"""
    return {
        "Suite": case.suite,
        "Case_Id": case.case_id,
        "Outcome": case.outcome.value,
        "Strict_Outcome": case.verdict(strict=True).value,
        "Duration(s)": case.duration_s,
        "Retries": case.retries,
        "Message": case.message,
        "Strict_Message": case.strict_message,
    }
