"""功能用例 → results.json（结局与计数）与 evidence.jsonl（往返留痕，一行一次）。"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rayeval.domain.functional import CaseResult, Outcome, capability_map

# 这三个字符在 JSON 串里合法，却会被许多按行读的工具当作换行
_LINE_ENDS = {ord(char): f"\\u{ord(char):04x}" for char in "\u0085\u2028\u2029"}


def results_json(scenario: str, cases: Sequence[CaseResult]) -> bytes:
    """用例的两种判法、秒数、说明、重来的次数，与各套件的计数；留痕在 evidence.jsonl。"""
    suites: dict[str, list[CaseResult]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    body = {
        "scenario": scenario,
        "counts": counts(cases, strict=False),
        "strict_counts": counts(cases, strict=True),
        "suites": {
            name: {
                "counts": counts(group, strict=False),
                "strict_counts": counts(group, strict=True),
            }
            for name, group in suites.items()
        },
        "cases": [case_json(case) for case in cases],
    }
    return _bytes(body, indent=1)


def capabilities_json(scenario: str, cases: Sequence[CaseResult]) -> bytes:
    """能力表：每项的态度、场景的声明、凭什么、以及作凭据的往返；没有探测过则为空表。"""
    evidence = {case.capability.name: case.evidence for case in cases if case.capability}
    body = {
        "scenario": scenario,
        "capabilities": [
            {
                "name": capability.name,
                "support": capability.support.value,
                "declared": capability.declared,
                "why": capability.why,
                "evidence": [asdict(exchange) for exchange in evidence[capability.name]],
            }
            for capability in capability_map(cases)
        ],
    }
    return _bytes(body, indent=1)


def case_json(case: CaseResult) -> dict[str, Any]:
    """一个用例；`outcome` 是宽判。"""
    return {
        "suite": case.suite,
        "case_id": case.case_id,
        "outcome": case.outcome.value,
        "strict": case.verdict(strict=True).value,
        "duration_s": case.duration_s if math.isfinite(case.duration_s) else None,
        "retries": case.retries,
        "message": case.message,
        "strict_message": case.strict_message,
    }


def counts(cases: Sequence[CaseResult], *, strict: bool) -> dict[str, int]:
    """各结局的个数。"""
    return {o.value: sum(case.verdict(strict=strict) is o for case in cases) for o in Outcome}


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
