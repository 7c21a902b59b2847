"""pytest 的报告 → 给人看的一句话：收集不了、没过、跳过、出错，各有各的说法。"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path

import pytest

from rayeval.functional.exchange import ServiceTrouble
from rayeval.functional.expect import Broken

GIVEN = ("client", "endpoint", "feature", "scenario", "spec", "stream")
"""插件给用户的用例的 fixture。"""


def uncollected(report: pytest.CollectReport) -> str:
    """收集不了的文件：首行是那个异常与行号，下面是全文的末尾。"""
    text = report.longreprtext
    told = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    lines = re.findall(rf'{re.escape(Path(report.nodeid).name)}(?:", line |:)(\d+)', text)
    place = f"{report.nodeid}:{lines[-1]}" if lines else report.nodeid
    head = told[-1] if told else text.partition("\n")[0]
    return f"cannot collect {place}: {head}\n{text[-2000:]}"


def failure_text(item: pytest.Item, error: BaseException | None, report: pytest.TestReport) -> str:
    """没过的一句话与细节；不是我们的 expect 写的，首行先说用例的文档字符串：它许诺了什么。"""
    text = str(error) or report.longreprtext
    doc = (getattr(getattr(item, "function", None), "__doc__", None) or "").strip()
    if isinstance(error, Broken) or not doc:
        return text
    head = doc.splitlines()[0].strip()
    return f"expected: {head.removesuffix('.').removesuffix('。')}; came: {text}"


def skip_reason(report: pytest.TestReport, error: BaseException | None) -> str:
    """跳过的理由；预期失败（xfail）也算跳过，理由写明。"""
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail} {error or ''}".strip()
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(error or "")


def error_text(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    """出错的一句话与位置：哪个阶段、什么异常、哪一行。"""
    if call.excinfo is None:
        return report.longreprtext
    place = call.excinfo.traceback[-1]
    error = call.excinfo.value
    if isinstance(error, ServiceTrouble):
        return str(error)
    said = call.excinfo.exconly(tryshort=True)
    if isinstance(error, pytest.FixtureLookupError) and "' not found" in report.longreprtext:
        return _no_fixture(str(error.argname), report)
    return f"{said}\nin the {report.when} of the case, {Path(place.path).name}:{place.lineno + 1}"


def _no_fixture(name: str, report: pytest.TestReport) -> str:
    """没有这个 fixture：像哪一个就问是不是它，都不像就说有哪些。"""
    listed = re.search(r"available fixtures: (.*)", report.longreprtext)
    close = get_close_matches(name, listed[1].split(", ") if listed else GIVEN, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"rayeval gives {', '.join(GIVEN)}"
    path, line, _ = report.location
    return f"no fixture {name!r}; {hint}\nin the {report.when} of the case, {Path(path).name}:" + (
        f"{(line or 0) + 1}"
    )
