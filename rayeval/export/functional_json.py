"""功能用例 → results.json（结局与计数）与 evidence.jsonl（往返留痕，一行一次）。"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from rayeval.domain.functional import CaseResult, Outcome

# 这三个字符在 JSON 串里合法，却会被许多按行读的工具当作换行
_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\u0085\u2028\u2029"}


def results_json(scenario: str, cases: Sequence[CaseResult]) -> bytes:
    """用例的结局、秒数、说明，与各结局的计数；留痕不在内，见 evidence.jsonl。"""
    body = {
        "scenario": scenario,
        "counts": {o.value: sum(case.outcome is o for case in cases) for o in Outcome},
        "cases": [
            {
                "suite": case.suite,
                "case_id": case.case_id,
                "outcome": case.outcome.value,
                "duration_s": case.duration_s if math.isfinite(case.duration_s) else None,
                "message": case.message,
            }
            for case in cases
        ],
    }
    return _bytes(body, indent=1)


def evidence_jsonl(cases: Sequence[CaseResult]) -> bytes:
    """每次往返一行：属于哪个用例、第几次、请求、状态码、回复；没有往返则为空。"""
    return b"".join(
        _bytes(
            {
                "suite": case.suite,
                "case_id": case.case_id,
                "outcome": case.outcome.value,
                "exchange": number,
                "method": evidence.method,
                "path": evidence.path,
                "status": evidence.status,
                "request": evidence.request,
                "reply": evidence.reply,
            }
        )
        for case in cases
        for number, evidence in enumerate(case.evidence, start=1)
    )


def _bytes(body: dict[str, Any], indent: int | None = None) -> bytes:
    """一个 JSON 值与换行；孤立代理项写成问号，UTF-8 装不下它。"""
    text = json.dumps(body, ensure_ascii=False, allow_nan=False, indent=indent)
    return text.translate(_LINE_ENDS).encode("utf-8", "replace") + b"\n"
