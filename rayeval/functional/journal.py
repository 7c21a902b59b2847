"""pytest 的钩子：给用例计时，把它们的结局写成 lines 交给 runner。"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.functional.context import SuiteContext
from rayeval.functional.deadline import deadline
from rayeval.functional.exchange import CaseTimeout
from rayeval.functional.lines import Collected, Finished, Line, Started, Stopped, encode
from rayeval.functional.recorder import RecordingClient

CLIENT = pytest.StashKey[RecordingClient]()
_MOST_MESSAGE = 6000
_MOST_HANGS = 2
"""接连这么多个用例超时就不再跑下去：服务挂死了，剩下的只会一个个等满时限。"""
_TEARDOWN_S = 5.0


@dataclass(slots=True)
class _Running:
    """正在跑的用例：到目前的结局与用时。"""

    outcome: Outcome = Outcome.PASS
    message: str = ""
    seconds: float = 0.0
    hung: bool = False


class Journal:
    """记录一个套件进程；没有 `results_fd` 时（平常的 pytest）只计时。"""

    def __init__(self, context: SuiteContext, results_fd: int | None) -> None:
        """从空白开始。"""
        self.context = context
        self._fd = results_fd
        self._running = _Running()
        self._deselected = 0
        self._hangs = 0

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """数一数被 -k 去掉的。"""
        self._deselected += len(items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """有文件收集不了：用例写坏了，不能不声不响地少跑。"""
        if report.failed:
            self._write(Stopped(f"cannot collect {report.nodeid}: {report.longreprtext[-2000:]}"))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """告诉 runner 将要跑哪些。"""
        ids = tuple(self.case_id(item) for item in session.items)
        self._write(Collected(ids, self._deselected))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """一个用例从头到尾：开始一行，结束一行。"""
        self._running = _Running()
        self._write(Started(self.case_id(item)))
        result = yield
        self._write(Finished(self._result(item)))
        self._hangs = self._hangs + 1 if self._running.hung else 0
        if self._hangs >= _MOST_HANGS:
            reason = f"{self._hangs} cases in a row exceeded their time limit: the service hangs"
            item.session.shouldstop = reason
            self._write(Stopped(reason))
        return result

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self) -> Generator[None, Any, Any]:
        """准备阶段用用例的时限。"""
        return (yield from self._timed(self.context.spec.case_timeout_s))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        """正文用剩下的时限。"""
        left = self.context.spec.case_timeout_s - self._running.seconds
        return (yield from self._timed(left))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, Any, Any]:
        """收尾另有几秒：不能因为正文用完了时限就不收尾。"""
        return (yield from self._timed(_TEARDOWN_S))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """三个阶段各来一次：并成一个结局，坏的盖过好的。"""
        report = yield
        running = self._running
        running.seconds += call.duration
        if report.passed:
            return report
        error = call.excinfo.value if call.excinfo else None
        running.hung = running.hung or isinstance(error, CaseTimeout)
        if report.skipped:
            running.outcome, running.message = Outcome.SKIP, _skip_reason(report, error)
            return report
        broken = isinstance(error, AssertionError | pytest.fail.Exception)
        if report.when == "call" and broken:
            running.outcome, running.message = Outcome.FAIL, str(error) or report.longreprtext
        elif running.outcome is not Outcome.FAIL:
            running.outcome, running.message = Outcome.ERROR, _error_text(report, call)
        return report

    def case_id(self, item: pytest.Item) -> str:
        """稳定的名字：套件/用例[参数]，test_ 去掉；用户文件夹里的多个文件以文件名区分。"""
        classes = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
        name = ".".join([*classes, item.name.removeprefix("test_")])
        module = _module(item.path, item.config.rootpath if self._fd is not None else None)
        if module == self.context.suite:
            return f"{module}/{name}"
        return f"{self.context.suite}/{module}.{name}" if self.context.suite else f"{module}/{name}"

    def _timed(self, seconds: float) -> Generator[None, Any, Any]:
        """在时限内跑里面的钩子。"""
        limit = self.context.spec.case_timeout_s
        with deadline(seconds, f"the case exceeded its limit of {limit:g} s"):
            return (yield)

    def _result(self, item: pytest.Item) -> CaseResult:
        """正在跑的用例 → CaseResult，信息去密截短。"""
        running, case_id = self._running, self.case_id(item)
        client = item.stash.get(CLIENT, None)
        message = self.context.endpoint.redact(running.message)[:_MOST_MESSAGE]
        return CaseResult(
            suite=case_id.partition("/")[0],
            case_id=case_id,
            outcome=running.outcome,
            duration_s=running.seconds,
            message=message.encode("utf-8", "replace").decode("utf-8"),
            evidence=() if client is None else client.evidence(),
        )

    def _write(self, line: Line) -> None:
        """写给 runner；它不在了就立刻退出：没人听的套件不该再去打扰服务。"""
        if self._fd is None:
            return
        data = encode(line)
        try:
            while data:
                data = data[os.write(self._fd, data) :]
        except BrokenPipeError:
            os._exit(3)


def _module(path: Path, root: Path | None) -> str:
    """文件的名字：test_ 与后缀去掉；`root` 之下的子文件夹以点相连。"""
    inside = root is not None and path.is_relative_to(root)
    parts = path.relative_to(root).parts[:-1] if inside and root is not None else ()
    return ".".join([*parts, path.stem.removeprefix("test_")])


def _skip_reason(report: pytest.TestReport, error: BaseException | None) -> str:
    """跳过的理由；预期失败（xfail）也算跳过，理由写明。"""
    if hasattr(report, "wasxfail"):
        return f"expected to fail: {report.wasxfail} {error or ''}".strip()
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(error or "")


def _error_text(report: pytest.TestReport, call: pytest.CallInfo[None]) -> str:
    """出错的一句话与位置：哪个阶段、什么异常、哪一行。"""
    if call.excinfo is None:
        return report.longreprtext
    place = call.excinfo.traceback[-1]
    said = call.excinfo.exconly(tryshort=True)
    return f"{said}\nin the {report.when} of the case, {Path(place.path).name}:{place.lineno + 1}"
