"""一个套件一个 pytest 进程：排出任务，起进程，边跑边给出 CaseResult。"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rayeval.domain.functional import CaseResult, FunctionalSpec, Outcome, SuiteTask
from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint
from rayeval.functional.context import SuiteContext
from rayeval.functional.lines import Collected, Line, Started, Stopped
from rayeval.functional.process import SuiteProcess

SUITES_DIR = Path(__file__).parent / "suites"
SESSION = "session"
"""套件自身的毛病（没有用例、进程死了）记在名为 `{suite}/session` 的用例上。"""
_POLL_S = 0.25
_GRACE_S = 10.0
"""进程里的闹钟先响、先收尾；再过这么久还没动静，才由这里杀。"""
_SILENCE_S = 60.0
"""没有用例在跑时（收集、退出）最多容它这么久不说话。"""


def suite_tasks(
    scenario: Scenario, endpoint: Endpoint, spec: FunctionalSpec
) -> tuple[SuiteTask, ...]:
    """每个套件一件任务，用户的每个路径也各一件；套件名互不相同。

    自带套件的文件在跑它的节点上找；用户的路径写成绝对路径，须在那个节点上也存在。
    """
    tasks = [
        SuiteTask(suite, "", spec, SuiteContext(suite, scenario, endpoint, spec).to_json())
        for suite in spec.suites
    ]
    for path in (Path(text).expanduser().resolve() for text in spec.paths):
        suite = _free_name(path.stem.removeprefix("test_"), [task.suite for task in tasks])
        context = SuiteContext(suite, scenario, endpoint, spec)
        tasks.append(SuiteTask(suite, str(path), spec, context.to_json()))
    return tuple(tasks)


def run_suite(task: SuiteTask) -> Iterator[CaseResult]:
    """跑一件任务：一个用例结束就给出它；服务的毛病、用例的毛病都是数据，不抛。

    一个用例也没跑、进程死掉、超时不退，各给出一个 ERROR；没轮到的用例也各记 ERROR。
    提前关闭（GeneratorExit）或中断时，杀掉整个进程组。
    """
    target = Path(task.target) if task.target else SUITES_DIR / f"test_{task.suite}.py"
    if not target.exists():
        reason = (
            f"no such suite on this node: {target}; suites are files or folders of pytest cases"
        )
        yield _trouble(task.suite, SESSION, reason)
        return
    context = SuiteContext.from_json(task.context_json)
    watch = _Watch(task.suite, task.spec)
    with SuiteProcess(task.context_json, target, task.spec.select) as process:
        while watch.verdict is None and not process.ended:
            yield from watch.take(process.poll(_POLL_S))
            watch.check(time.monotonic())
        if watch.verdict is None:
            yield from watch.take(process.drain())
        else:
            process.kill()
        tail = context.endpoint.redact(process.output_tail())
        yield from watch.close(process.returncode, tail)


@dataclass(slots=True)
class _Watch:
    """看着一个套件进程：谁在跑、谁跑完了、该不该杀。"""

    suite: str
    spec: FunctionalSpec
    waiting: list[str] = field(default_factory=list)
    running: str | None = None
    since: float = field(default_factory=time.monotonic)
    finished: int = 0
    deselected: int = 0
    stopped: list[str] = field(default_factory=list)
    verdict: str | None = None

    def take(self, lines: Sequence[Line]) -> Iterator[CaseResult]:
        """记下各行，给出其中跑完的用例。"""
        for line in lines:
            self.since = time.monotonic()
            if isinstance(line, Collected):
                self.waiting, self.deselected = list(line.ids), line.deselected
            elif isinstance(line, Started):
                self.running = line.case_id
                _drop(self.waiting, line.case_id)
            elif isinstance(line, Stopped):
                self.stopped.append(line.reason)
            else:
                self.running = None
                self.finished += 1
                yield line.case

    def check(self, now: float) -> None:
        """超过时限则写下死因；由调用者去杀。"""
        quiet = now - self.since
        limit = self.spec.case_timeout_s
        if self.running is not None and quiet > limit + _GRACE_S:
            self.verdict = f"the case exceeded its limit of {limit:g} s; its process was killed"
        elif self.running is None and quiet > _SILENCE_S:
            self.verdict = f"the suite's process said nothing for {_SILENCE_S:g} s and was killed"

    def close(self, returncode: int | None, tail: str) -> Iterator[CaseResult]:
        """进程没了：在跑的、没轮到的、整个套件的毛病，各记一笔。"""
        died = self.verdict or f"the suite's process ended with exit code {returncode}"
        shown = f"\nits last output:\n{tail}" if tail else ""
        if self.running is not None:
            yield _trouble(self.suite, self.running, died + shown, time.monotonic() - self.since)
        elif not self.finished and not self.stopped:
            self.waiting.clear()  # 一个也没开始（如 -k 写错）：只怪套件自身，不逐个记
        why = "; ".join(self.stopped) or died
        for case_id in self.waiting:
            yield _trouble(self.suite, case_id, f"not run: {why}")
        if self.running is None and not self.waiting:
            yield from self._session(returncode, died, shown)

    def _session(self, returncode: int | None, died: str, shown: str) -> Iterator[CaseResult]:
        """没有哪个用例可以怪罪时，套件自身的结局。"""
        if self.stopped and not self.verdict:
            yield _trouble(self.suite, SESSION, "; ".join(self.stopped))
        elif not self.finished and self.deselected and not self.verdict:
            reason = f"no case of this suite matches {self.spec.select!r}"
            yield CaseResult(self.suite, f"{self.suite}/{SESSION}", Outcome.SKIP, 0.0, reason)
        elif not self.finished:
            yield _trouble(self.suite, SESSION, f"no case ran: {died}{shown}")
        elif self.verdict or returncode not in {0, 1}:
            yield _trouble(self.suite, SESSION, died + shown)


def _trouble(suite: str, case_id: str, message: str, seconds: float = 0.0) -> CaseResult:
    """一个 ERROR；`case_id` 不带套件名时补上。"""
    full = case_id if "/" in case_id else f"{suite}/{case_id}"
    return CaseResult(suite, full, Outcome.ERROR, seconds, message)


def _drop(waiting: list[str], case_id: str) -> None:
    """从等候的里去掉一个。"""
    if case_id in waiting:
        waiting.remove(case_id)


def _free_name(name: str, taken: Sequence[str]) -> str:
    """与已有的不同的套件名。"""
    count, free = 1, name
    while free in taken:
        count += 1
        free = f"{name}_{count}"
    return free
