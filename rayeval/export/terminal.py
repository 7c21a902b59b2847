"""报告与裁决 → 终端上的最后几张表；数字与 CSV 同源。"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rayeval.domain.functional import Outcome
from rayeval.domain.report import STAGES, RunReport, ScenarioReport, StageResult, Status
from rayeval.domain.verdict import Finding, Level, Verdict
from rayeval.errors import CancelledRun
from rayeval.export.alike import Alike, alike
from rayeval.export.cell_table import cell_section
from rayeval.export.fitted import Fitted
from rayeval.export.scenario_verdicts import scenario_verdicts
from rayeval.export.suite_table import functional_section
from rayeval.printable import first_line

_STATUS = {
    Status.PASS: "green",
    Status.FAIL: "red",
    Status.ERROR: "red",
    Status.SKIPPED: "yellow",
    Status.CANCELLED: "yellow",
}
_LEVEL = {
    Level.FAIL: "bold red",
    Level.INCONCLUSIVE: "bold yellow",
    Level.WARN: "yellow",
    Level.INFO: "cyan",
    Level.OK: "green",
}

STOPPED = CancelledRun.exit_code
_REACHED = {True: ("ok", "green"), False: ("not ok", "red"), None: ("no min_score", "dim")}


def summary(
    report: RunReport, verdict: Verdict, code: int | None = None
) -> Iterator[RenderableType]:
    """依次：阶段表、功能表与没过的用例、性能表、准确率、发现、各场景与整次的裁决；空行隔开。"""
    sections = (
        [_stages(report)],
        *(functional_section(s) for s in report.scenarios if s.cases),
        *(cell_section(s) for s in report.scenarios if s.cells),
        _scores(report),
        _reasons(report),
        (_finding(group) for group in alike(filter(_worth_saying, verdict.findings))),
        scenario_verdicts(report, verdict),
    )
    for section in sections:
        filled = False
        for renderable in section:
            filled = True
            yield renderable
        if filled:
            yield Text()
    yield headline(verdict, code, interrupted=report.interrupted)


def headline(verdict: Verdict, code: int | None = None, *, interrupted: bool) -> Text:
    """一句裁决与退出码；`code` 是整个命令的（推送也算在内），没有就是裁决的。"""
    if interrupted:
        kept = " what rayeval had started is stopped, what it had measured is kept"
        return Text.assemble(("INTERRUPTED", "bold yellow"), f"{kept} (exit code {STOPPED})")
    words = {0: ("PASS", "bold green"), 1: ("FAIL", "bold red")}
    if verdict.exit_code == 0 and verdict.at(Level.WARN):
        words[0] = ("PASS, with warnings", "bold green")
    word, style = words.get(verdict.exit_code, ("INCONCLUSIVE", "bold yellow"))
    if verdict.exit_code == 3:  # noqa: PLR2004 spec §1
        word = "NOTHING MEASURED"
    against = f"against {verdict.baseline}" if verdict.baseline else "without a baseline"
    return Text.assemble(
        (word, style), f" {against} (exit code {verdict.exit_code if code is None else code})"
    )


def _stages(report: RunReport) -> Fitted:
    """场景 × 阶段；窄的时候用时另起一行，再窄就不写用时。"""
    names = [name for name in STAGES if any(name in s.planned for s in report.scenarios)]
    return Fitted([partial(_stage_table, report, names, gap) for gap in (" ", "\n", None)])


def _stage_table(report: RunReport, names: Sequence[str], gap: str | None) -> Table:
    """`gap` 隔开结局与其后的数；None 是只写结局。"""
    title = f"run {report.run_id} ({report.run_type})"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("scenario", overflow="fold")
    for header in names:
        table.add_column(header, no_wrap=True)
    for scenario in report.scenarios:
        cells = (_stage(scenario, name, gap) for name in names)
        table.add_row(Text(scenario.scenario), *cells)
    return table


def _stage(scenario: ScenarioReport, name: str, gap: str | None) -> Text:
    """一格：结局、用时，功能阶段带计数。"""
    result = scenario.stage(name)
    if result is None:
        return Text("-")
    text = Text(result.status.value, _STATUS[result.status])
    if gap is None:
        return text
    if name == "functional" and scenario.cases:
        text.append(f"{gap}{scenario.count(Outcome.PASS)}/{len(scenario.cases)}", "default")
    if result.seconds:
        text.append(f"{gap}{result.seconds:.1f}s", "dim")
    return text


def _scores(report: RunReport) -> Iterator[Text]:
    """准确率，各一行。"""
    for scenario in report.scenarios:
        if (score := scenario.accuracy) is not None:
            ok = Text(*_REACHED[score.reached])
            yield Text.assemble(
                f"accuracy {scenario.scenario}: {score.dataset_name} {score.score:.3f} "
                f"[{score.low:.3f}, {score.high:.3f}] n={score.n}, "
                f"robust {score.robust_score:.3f}, unparsed {score.unparsed_ratio:.1%}, "
                f"truncated {score.truncated_ratio:.1%}, errors {score.error_ratio:.1%}, "
                f"prompt: {score.prompt}, ",
                ok,
            )
            if (paired := score.paired) is not None:
                yield Text(
                    f"  against {paired.baseline}: {paired.difference:+.3f} "
                    f"[{paired.low:+.3f}, {paired.high:+.3f}], {paired.lost} lost, "
                    f"{paired.won} won of {paired.n}, p = {paired.p_value:.2g}"
                )


def _reasons(report: RunReport) -> Iterator[Text]:
    """每个没有 PASS 的阶段为什么；ERROR 的带服务日志末尾。"""
    for scenario in report.scenarios:
        for result in scenario.stages:
            if result.status is Status.PASS or _told_elsewhere(result):
                continue
            style = _STATUS[result.status]
            head = f" {scenario.scenario} {result.stage}: {first_line(result.reason, 400)}"
            yield Text.assemble((result.status.value, style), head)
            for line in result.log_tail.splitlines()[-8:]:
                yield Text(f"    | {first_line(line)}", "dim")


def _told_elsewhere(result: StageResult) -> bool:
    """FAIL：没过的用例与门禁的发现已经说了；SKIPPED：理由就是前面那个阶段的。"""
    return result.status in {Status.FAIL, Status.SKIPPED}


def _worth_saying(finding: Finding) -> bool:
    """通过的、已在阶段里说过的、已逐条列出的用例，不重复。"""
    told = finding.kind == "not_measured" or finding.rule == "functional"
    return finding.level is not Level.OK and not told


def _finding(group: Alike) -> Text:
    """一条发现，与它的去处。"""
    finding = group.finding
    where = " ".join(part for part in (finding.scenario, group.where) if part)
    return Text.assemble(
        (finding.level.value.upper(), _LEVEL[finding.level]),
        f" {where} {finding.rule}: {first_line(group.message, 400)}",
    )
