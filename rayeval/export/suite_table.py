"""功能阶段在终端上的表：每个套件一行，两种判法；下面是没过的用例各自的首行。"""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import ScenarioReport
from rayeval.printable import first_line

_STYLES = {Outcome.FAIL: "red", Outcome.ERROR: "red", Outcome.SKIP: "yellow"}
MAX_FAILURES = 20
"""终端上至多列出这么多没过的用例；全部在 results.json。"""


def functional_section(scenario: ScenarioReport) -> Iterator[RenderableType]:
    """一个场景的功能测试：套件表，没过的用例，只有严判才怪罪的有几个。"""
    suites: dict[str, list[CaseResult]] = {}
    for case in scenario.cases:
        suites.setdefault(case.suite, []).append(case)
    title = f"functional {scenario.scenario}"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    headers = ("suite", *(o.value for o in Outcome), "strict only", "retries", "seconds")
    for header in headers:
        table.add_column(header, justify="left" if header == "suite" else "right")
    for name, cases in suites.items():
        table.add_row(*_row(name, cases))
    yield table
    yield from _failures(scenario)


def _row(name: str, cases: list[CaseResult]) -> Iterator[Text]:
    """一个套件的一行；秒数是各用例之和。"""
    yield Text(name)
    for outcome in Outcome:
        count = sum(case.outcome is outcome for case in cases)
        yield Text(str(count), _STYLES.get(outcome, "") if count else "dim")
    strict = sum(case.strict_only for case in cases)
    yield Text(str(strict), "yellow" if strict else "dim")
    yield Text(str(sum(case.retries for case in cases)))
    yield Text(f"{sum(case.duration_s for case in cases):.1f}")


def _failures(scenario: ScenarioReport) -> Iterator[Text]:
    """没过的用例，各一行；同一个套件里因同一句话没过的并成一行，只有严判才怪罪的合成一句。"""
    groups: dict[tuple[str, Outcome, str], list[str]] = {}
    for case in scenario.cases:
        if case.outcome in {Outcome.FAIL, Outcome.ERROR}:
            key = case.suite, case.outcome, first_line(case.message)
            groups.setdefault(key, []).append(case.case_id)
    for (suite, outcome, line), names in list(groups.items())[:MAX_FAILURES]:
        alike = f"{suite}: {len(names)} cases" if len(names) > 1 else names[0]
        yield Text.assemble((outcome.value, "red"), f" {scenario.scenario} {alike}: {line}")
    left = sum(map(len, list(groups.values())[MAX_FAILURES:]))
    if left:
        yield Text(f"… and {left} more in {_results(scenario)}")
    yield from _strict(scenario)


def _results(scenario: ScenarioReport) -> str:
    """全部用例的结果在哪个产物里。"""
    found = (path for path in scenario.artifacts if path.endswith("/results.json"))
    return next(found, "report.html")


def _strict(scenario: ScenarioReport) -> Iterator[Text]:
    """只有严判才怪罪的用例，合成一句。"""
    strict = [case for case in scenario.cases if case.strict_only]
    if strict:
        names = ", ".join(case.case_id for case in strict[:3])
        more = f" and {len(strict) - 3} more" if len(strict) > 3 else ""  # noqa: PLR2004 同上
        message = f" only the letter of the interface is broken in {len(strict)} cases: "
        yield Text.assemble(("STRICT", "yellow"), message, names, more)
