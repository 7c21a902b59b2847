"""找基线：一份存盘的报告，或一个目录里最新的、完整的、绿的每日报告。"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rayeval.domain.functional import Outcome
from rayeval.domain.moment import unix_time
from rayeval.domain.report import RunReport, ScenarioReport
from rayeval.errors import RayevalError, UsageError

Decode = Callable[[bytes, str], RunReport]

MAX_FAIL_RATIO = 0.05
"""失败多于这个比例的每日不能成为基线：与它比，坏的也像好的。"""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wanted:
    """给谁找：`run_id` 是它自己（与自己比是无声的通过），`before` 是它开始的时刻（Unix 秒）。

    `scenarios` 是它测的场景，一个也不相干的不算；空则不问。`stage` 是只测一个阶段的运行的类型
    （perf、functional、accuracy）：同类型的走完了也算合格；空则只要每日的。
    """

    run_id: str | None = None
    before: float | None = None
    scenarios: frozenset[str] = frozenset()
    stage: str = ""

    def could_be(self, report: RunReport) -> bool:
        """不是它自己，在它之前，测的有相干的；成色另说。"""
        early = self.before is None or _started(report) < self.before
        known = {scenario.scenario for scenario in report.scenarios}
        related = not self.scenarios or not known or bool(self.scenarios & known)
        return report.run_id != self.run_id and early and related

    def fits(self, report: RunReport) -> bool:
        """可以拿来比。"""
        alone = bool(self.stage) and report.run_type == self.stage and _whole(report)
        return alone or unfit(report) is None


ANYONE = Wanted()


def find_baseline(
    path: Path, decode: Decode, wanted: Wanted = ANYONE
) -> tuple[RunReport, str] | None:
    """基线与它的名字；目录里没有合格的报告时为 None。

    `path` 是 report.json、`runs/{ts}/` 目录（两者都照用，不问成色），或产物目录（其下最新的
    完整、绿色的每日报告）。`decode` 把字节读成报告，读不懂抛 UsageError。
    路径不存在、读不动、点名的文件不是报告，抛 UsageError。
    """
    if not path.exists():
        msg = f"--baseline {path}: does not exist; name a report.json or an artifacts directory"
        raise UsageError(msg)
    named = path / "report.json" if path.is_dir() else path
    if named.is_file():
        return decode(_read(named), str(named)), str(named)
    candidates = [
        (report, str(file))
        for file, report in _scan(path, decode)
        if wanted.could_be(report) and wanted.fits(report)
    ]
    return max(candidates, key=lambda found: (_started(found[0]), found[1]), default=None)


def passed_over(path: Path, decode: Decode, wanted: Wanted = ANYONE) -> str:
    """目录里有每日运行而没有一份合格：几份，最新的那份为何；一份都没有则为空。"""
    daily = [
        (report, file)
        for file, report in _scan(path, decode)
        if wanted.could_be(report) and report.run_type == "daily"
    ]
    if not daily:
        return ""
    report, file = max(daily, key=lambda found: _started(found[0]))
    return (
        f"none of the daily runs in {path} ({len(daily)}) can be it: the newest, "
        f"{report.run_id}: {unfit(report)}; name one with --baseline {file.parent}"
    )


def _whole(report: RunReport) -> bool:
    """走完了：没有被中断，各场景都测成了。"""
    return not report.interrupted and all(s.complete for s in report.scenarios)


def unfit(report: RunReport) -> str | None:
    """这份报告为何不能自动成为基线；能则为 None。

    「最近一次 daily 基线」：只有走完的、功能全绿的每日运行才算数。
    """
    if report.run_type != "daily":
        return f"run type is {report.run_type}, not daily"
    if report.interrupted:
        return "the run was interrupted"
    if report.narrowed:
        return "it measured only a part (--scenario or --stage)"
    if not report.scenarios:
        return "it has no scenario"
    return next((flaw for scenario in report.scenarios if (flaw := _flaw(scenario))), None)


def _flaw(scenario: ScenarioReport) -> str | None:
    """这个场景为何使一份报告不能成为基线；没有缺陷为 None。"""
    name = f"scenario {scenario.scenario}"
    if not scenario.complete:
        return f"{name} is not complete"
    if scenario.count(Outcome.FAIL) or scenario.count(Outcome.ERROR):
        return f"{name} has failed functional cases"
    if scenario.accuracy is not None and not scenario.accuracy.valid:
        return f"{name} has an invalid accuracy score"
    for cell in scenario.cells:
        if cell.summary.fail_ratio > MAX_FAIL_RATIO:
            return f"{name}: {cell.summary.id} has {cell.summary.fail_ratio:.0%} failed requests"
    return None


def _scan(root: Path, decode: Decode) -> list[tuple[Path, RunReport]]:
    """目录之下读得懂的全部报告；读不懂的记一条警告，不拦别的。"""
    found = []
    for file in sorted(root.rglob("report.json")):
        try:
            found.append((file, decode(_read(file), str(file))))
        except RayevalError as error:
            _log.warning("baseline candidate skipped: %s", error)
    return found


def _read(file: Path) -> bytes:
    """读一份文件；读不动说清是哪一份。"""
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"--baseline {file}: {error.strerror}; make it readable or name another report"
        raise UsageError(msg) from error


def _started(report: RunReport) -> float:
    """开始的时刻（Unix 秒），只用来排先后；读不懂的排在最前。"""
    started = unix_time(report.started_at)
    return float("-inf") if started is None else started
