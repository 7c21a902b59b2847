"""功能用例 → JUnit XML：每个套件一个 testsuite；内容全部转义，符合 XML 1.0。"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from rayeval.domain.functional import CaseResult, Outcome

# XML 1.0 的 Char 产生式之外的一切：控制字符、代理项、U+FFFE、U+FFFF
_ILLEGAL = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_TAGS = {Outcome.FAIL: "failure", Outcome.ERROR: "error", Outcome.SKIP: "skipped"}


def junit_xml(name: str, cases: Iterable[CaseResult]) -> bytes:
    """用例 → junit.xml 的字节（UTF-8）；`name` 是整份报告的名字，例如场景名。

    套件按首次出现的次序；没有用例也是一份合法的（空的）报告。
    """
    suites: dict[str, list[CaseResult]] = {}
    for case in cases:
        suites.setdefault(case.suite, []).append(case)
    root = ET.Element("testsuites", {"name": _clean(name)})
    root.attrib.update(_totals([case for group in suites.values() for case in group]))
    for suite, group in suites.items():
        node = ET.SubElement(root, "testsuite", {"name": _clean(suite), **_totals(group)})
        for case in group:
            _add_case(node, case)
    ET.indent(root)
    body: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return body + b"\n"


def _add_case(parent: ET.Element, case: CaseResult) -> None:
    """一个用例；不是 PASS 的带一个说明节点，首行作 message；严判与重来的次数写作属性。"""
    node = ET.SubElement(
        parent,
        "testcase",
        {
            "classname": _clean(case.suite),
            "name": _clean(case.case_id),
            "time": _seconds(case.duration_s),
        },
    )
    facts = {"strict": case.strict, "retries": case.retries or None}
    if any(facts.values()):
        properties = ET.SubElement(node, "properties")
        for name, value in facts.items():
            if value is not None:
                ET.SubElement(properties, "property", {"name": name, "value": str(value)})
    if (tag := _TAGS.get(case.outcome)) is not None:
        message = _clean(case.message)
        first = message.strip().splitlines()[0] if message.strip() else case.outcome.value
        ET.SubElement(node, tag, {"message": first}).text = message


def _totals(cases: list[CaseResult]) -> dict[str, str]:
    """testsuite 的计数属性。"""
    counts = {outcome: sum(case.outcome is outcome for case in cases) for outcome in Outcome}
    seconds = sum(case.duration_s for case in cases if math.isfinite(case.duration_s))
    return {
        "tests": str(len(cases)),
        "failures": str(counts[Outcome.FAIL]),
        "errors": str(counts[Outcome.ERROR]),
        "skipped": str(counts[Outcome.SKIP]),
        "time": _seconds(seconds),
    }


def _seconds(value: float) -> str:
    """秒，毫秒精度；不是数的写 0。"""
    return f"{value if math.isfinite(value) else 0:.3f}"


def _clean(text: str) -> str:
    """去掉 XML 1.0 不许出现的字符。"""
    return _ILLEGAL.sub("", text)
