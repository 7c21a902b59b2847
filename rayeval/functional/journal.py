"""pytest 的钩子：给用例计时，把它们的结局写成 lines 交给 runner。"""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from rayeval.client.openai import OpenAIClient
from rayeval.domain.functional import Capability, CaseResult, Outcome
from rayeval.functional.board import Board
from rayeval.functional.context import SuiteContext
from rayeval.functional.crew import Crew
from rayeval.functional.deadline import deadline
from rayeval.functional.exchange import CaseTimeout, ServiceGone
from rayeval.functional.lines import Collected, Finished, Line, Started, Stopped, encode
from rayeval.functional.recorder import RecordingClient
from rayeval.functional.sayings import error_text, failure_text, skip_reason, uncollected

CLIENT = pytest.StashKey[RecordingClient]()
CAPABILITY = pytest.StashKey[Capability]()
_MOST_MESSAGE = 6000
_MOST_STALLED = 2
"""接连这么多个用例没等到服务，又问不出一句话，就不再跑下去：剩下的只会一个个等满时限。"""
_ALIVE_S = 10.0
_TEARDOWN_S = 5.0


@dataclass(slots=True)
class _Running:
    """正在跑的用例：到目前的结局与用时。"""

    outcome: Outcome = Outcome.PASS
    message: str = ""
    seconds: float = 0.0
    stalled: bool = False


class Journal:
    """记录一个套件进程；没有 `results_fd` 时（平常的 pytest）只计时。"""

    def __init__(self, context: SuiteContext, results_fd: int | None) -> None:
        """从空白开始。"""
        self.context = context
        self._fd = results_fd
        self._running = _Running()
        self._deselected = 0
        self._board = Board()
        self._crew = Crew(self._board, context.spec.concurrency, self._write)
        self._exitstatus = int(pytest.ExitCode.INTERNAL_ERROR)

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """数一数被 -k 去掉的。"""
        self._deselected += len(items)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """有文件收集不了：用例写坏了，不能不声不响地少跑。"""
        if report.failed:
            self._write(Stopped(uncollected(report)))

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """告诉 runner 将要跑哪些。"""
        ids = tuple(self.case_id(item) for item in session.items)
        self._write(Collected(ids, self._deselected))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """一个用例从头到尾：开始一行，结束一行。"""
        self._running = _Running()
        self._write(Started(self.case_id(item), os.getpid()))
        result = yield
        self._write(Finished(self._result(item)))
        stalled = self._board.count_stalled(stalled=self._running.stalled)
        if stalled >= _MOST_STALLED and self._running.stalled and not self._alive():
            item.session.shouldstop = reason = self._farewell(stalled)
            self._board.withdraw()
            self._write(Stopped(reason))
        return result

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """由 runner 起的：几个工人进程分着跑。平常的 pytest、收集出错的，照原样。"""
        if self._fd is None or session.testsfailed or session.config.option.collectonly:
            return None
        self._crew.run(session)
        return True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, exitstatus: int) -> None:
        """记下退出码，工人退出时用。"""
        self._exitstatus = int(exitstatus)

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        """一切收尾都做过了。"""
        self._crew.leave(self._exitstatus)

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
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """三个阶段各来一次：并成一个结局，坏的盖过好的。"""
        report = yield
        running = self._running
        running.seconds += call.duration
        if report.passed:
            return report
        error = call.excinfo.value if call.excinfo else None
        running.stalled = running.stalled or isinstance(error, CaseTimeout | ServiceGone)
        if report.skipped:
            running.outcome, running.message = Outcome.SKIP, skip_reason(report, error)
            return report
        broken = isinstance(error, AssertionError | pytest.fail.Exception)
        if report.when == "call" and broken:
            running.outcome, running.message = Outcome.FAIL, failure_text(item, error, report)
        elif running.outcome is not Outcome.FAIL:
            running.outcome, running.message = Outcome.ERROR, error_text(report, call)
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

    def _alive(self) -> bool:
        """服务还应声吗：问一句最短的，有状态码就算；等几秒不来就是不应。"""
        endpoint, limit = self.context.endpoint, min(_ALIVE_S, self.context.spec.case_timeout_s)
        field = self.context.scenario.provider.max_tokens_field
        turns = [{"role": "user", "content": "Say OK."}]
        try:
            with deadline(limit, "no answer"), OpenAIClient(endpoint, timeout_s=limit) as http:
                http.chat(turns, **{field: 1})
        except (httpx.HTTPError, CaseTimeout):
            return False
        return True

    def _farewell(self, stalled: int) -> str:
        """为什么不再跑下去。"""
        last = self._running.message.partition("\n")[0]
        end = "hangs" if "limit" in last else "is gone"
        told = f"the service {end}: {stalled} cases in a row got no answer; {last}"
        return self.context.endpoint.redact(told)

    def _result(self, item: pytest.Item) -> CaseResult:
        """正在跑的用例 → CaseResult，信息去密截短。"""
        running, case_id = self._running, self.case_id(item)
        client = item.stash.get(CLIENT, None)
        blamed = client.strict_broken() if client else ()
        harmless = running.outcome in {Outcome.PASS, Outcome.SKIP}
        return CaseResult(
            suite=case_id.partition("/")[0],
            case_id=case_id,
            outcome=running.outcome,
            duration_s=running.seconds,
            message=self._clean(running.message),
            evidence=() if client is None else client.evidence(),
            strict=Outcome.FAIL if blamed and harmless else None,
            strict_message=self._clean("\n\n".join(blamed)) if harmless else "",
            retries=0 if client is None else client.retries,
            capability=item.stash.get(CAPABILITY, None),
        )

    def _clean(self, message: str) -> str:
        """去密、截短，并去掉写不成 UTF-8 的孤立代理。"""
        short = self.context.endpoint.redact(message)[:_MOST_MESSAGE]
        return short.encode("utf-8", "replace").decode("utf-8")

    def _write(self, line: Line) -> None:
        """写给 runner；它不在了就立刻退出：没人听的套件不该再去打扰服务。"""
        if self._fd is None:
            return
        data = encode(line)
        try:
            with self._board.lock():  # 长的一行写得不是一气呵成，几个工人不能交错
                while data:
                    data = data[os.write(self._fd, data) :]
        except BrokenPipeError:
            os._exit(3)


def _module(path: Path, root: Path | None) -> str:
    """文件的名字：test_ 与后缀去掉；`root` 之下的子文件夹以点相连。"""
    inside = root is not None and path.is_relative_to(root)
    parts = path.relative_to(root).parts[:-1] if inside and root is not None else ()
    return ".".join([*parts, path.stem.removeprefix("test_")])
