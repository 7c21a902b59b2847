"""一个套件一个 pytest 进程：排出任务，起进程，边跑边给出 SuiteSize 与 CaseResult。"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rayeval.domain.functional import (
    EVERY_SUITE,
    PROBE_SUITE,
    Capability,
    CaseResult,
    FunctionalSpec,
    Outcome,
    SuiteSize,
    SuiteTask,
)
from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint
from rayeval.functional.context import SuiteContext
from rayeval.functional.counting import count_suites
from rayeval.functional.lines import Collected, Finished, Line, Lost, Started, Stopped
from rayeval.functional.process import SuiteProcess

SUITES_DIR = Path(__file__).parent / "suites"
PROBE_DIR = Path(__file__).parent / "probe"
SESSION = "session"
"""套件自身的毛病（没有用例、进程死了）记在名为 `{suite}/session` 的用例上。"""
_POLL_S = 0.25
_GRACE_S = 10.0
"""进程里的闹钟先响、先收尾；再过这么久还没动静，才由这里杀。"""
_STEP_S = 2.0
_SILENCE_S = 60.0
"""没有用例在跑时（收集、退出）最多容它这么久不说话。"""


def probe_task(scenario: Scenario, endpoint: Endpoint, spec: FunctionalSpec) -> SuiteTask:
    """能力探测：一个排在别的之前的套件，结果里的 capability 合成能力表。不受 -k 管。"""
    context = SuiteContext(PROBE_SUITE, scenario, endpoint, spec)
    return SuiteTask(PROBE_SUITE, "", spec, context.to_json())


def suite_tasks(
    scenario: Scenario,
    endpoint: Endpoint,
    spec: FunctionalSpec,
    capabilities: tuple[Capability, ...] = (),
) -> tuple[SuiteTask, ...]:
    """每个套件一件任务，用户的每个路径也各一件；套件名互不相同。

    自带套件的文件在跑它的节点上找；用户的路径写成绝对路径，须在那个节点上也存在。
    `capabilities` 是探测的结论；没探测过则为空，用例各凭自己的观察。
    """

    def context(suite: str) -> str:
        """一个套件的上下文。"""
        return SuiteContext(suite, scenario, endpoint, spec, capabilities).to_json()

    tasks = [SuiteTask(suite, "", spec, context(suite)) for suite in spec.suites]
    for path in (Path(text).expanduser().resolve() for text in spec.paths):
        suite = _free_name(path.stem.removeprefix("test_"), [task.suite for task in tasks])
        tasks.append(SuiteTask(suite, str(path), spec, context(suite)))
    return tuple(tasks)


def run_suite(task: SuiteTask) -> Iterator[SuiteSize | CaseResult]:
    """跑一件任务：收齐了说有几个，一个用例结束就给出它；服务与用例的毛病都是数据，不抛。

    一个用例也没跑、进程死掉、超时不退，各给出一个 ERROR；没轮到的用例也各记 ERROR。
    提前关闭（GeneratorExit）或中断时，杀掉整个进程组。EVERY_SUITE 只数，不跑。
    """
    if task.suite == EVERY_SUITE:
        yield from count_suites(task, SUITES_DIR)
        return
    folder = PROBE_DIR if task.suite == PROBE_SUITE else SUITES_DIR
    target = Path(task.target) if task.target else folder / f"test_{task.suite}.py"
    if not target.exists():
        reason = (
            f"no such suite on this node: {target}; suites are files or folders of pytest cases"
        )
        yield _trouble(task.suite, SESSION, reason)
        return
    endpoint = SuiteContext.from_json(task.context_json).endpoint
    select = task.spec.select if task.suite != PROBE_SUITE else None
    with SuiteProcess(task.context_json, target, select) as process:
        watch = _Watch(task.suite, task.spec, lambda: endpoint.redact(process.output_tail()))
        while watch.verdict is None and not process.ended:
            yield from watch.take(process.poll(_POLL_S))
            watch.tick(time.monotonic())
            for pid in watch.overdue():
                process.kill_worker(pid)
        if watch.verdict is None:
            yield from watch.take(process.drain())
        else:
            process.kill()
        yield from watch.close(process.returncode)


@dataclass(slots=True)
class _Run:
    """一个正在跑的用例：在哪个进程，从何时起，判了它什么。"""

    pid: int
    since: float
    condemned: str = ""


@dataclass(slots=True)
class _Watch:
    """看着一个套件进程：谁在跑、谁跑完了、该不该杀。"""

    suite: str
    spec: FunctionalSpec
    tail: Callable[[], str]
    waiting: list[str] = field(default_factory=list)
    running: dict[str, _Run] = field(default_factory=dict)
    clock: float = 0.0
    seen: float = field(default_factory=time.monotonic)
    since: float = 0.0
    finished: int = 0
    deselected: int = 0
    stopped: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    verdict: str | None = None

    def take(self, lines: Sequence[Line]) -> Iterator[SuiteSize | CaseResult]:
        """记下各行，给出其中有了结局的用例，与收齐的个数。"""
        for line in lines:
            self.since = self.clock
            match line:
                case Collected(ids=ids, deselected=deselected):
                    self.waiting, self.deselected = list(ids), deselected
                    yield SuiteSize(self.suite, len(ids))
                case Started(case_id=case_id, pid=pid):
                    self.running[case_id] = _Run(pid, self.since)
                    _drop(self.waiting, case_id)
                case Stopped(reason=reason):
                    self.stopped.append(reason)
                case Lost():
                    yield from self._lose(line)
                case Finished(case=case):
                    self.running.pop(case.case_id, None)
                    self.finished += 1
                    yield case

    def tick(self, now: float) -> None:
        """走表：两次看的间隔至多算 _STEP_S 秒。

        机器被挂起、听的人来不及取时，过去的时间不能算在用例头上。
        """
        self.clock += min(now - self.seen, _STEP_S)
        self.seen = now

    def overdue(self) -> Iterator[int]:
        """超过时限的用例所在的进程，由调用者去杀；再不行，写下整个套件的死因。"""
        limit = self.spec.case_timeout_s
        for run in self.running.values():
            late = self.clock - run.since - limit - _GRACE_S
            if late > 0 and not run.condemned:
                run.condemned = f"the case exceeded its limit of {limit:g} s; it was killed"
                yield run.pid
            elif late > _GRACE_S:
                self.verdict = "the suite's process does not notice its dead case; it was killed"
        if not self.running and self.clock - self.since > _SILENCE_S:
            self.verdict = f"the suite's process said nothing for {_SILENCE_S:g} s and was killed"

    def close(self, returncode: int | None) -> Iterator[CaseResult]:
        """进程没了：在跑的、没轮到的、整个套件的毛病，各记一笔。"""
        died = self.verdict or f"the suite's process ended with exit code {returncode}"
        blamed = bool(self.running)
        for case_id, run in self.running.items():
            said = (run.condemned or died) + self._shown()
            yield _trouble(self.suite, case_id, said, self.clock - run.since)
            self.finished += 1
        if not self.finished and not self.stopped:
            self.waiting.clear()  # 一个也没开始（如 -k 写错）：只怪套件自身，不逐个记
        why = self.stopped[-1] if self.stopped else "; ".join(self.lost) or died
        for case_id in self.waiting:
            yield _trouble(self.suite, case_id, f"not run: {why}")
        if not blamed and not self.waiting:
            yield from self._session(returncode, died)

    def _lose(self, line: Lost) -> Iterator[CaseResult]:
        """一个工人没了：怪它手里的用例；手里没有，就怪套件自身。"""
        held = [case_id for case_id, run in self.running.items() if run.pid == line.pid]
        for case_id in held:
            run = self.running.pop(case_id)
            said = (run.condemned or line.reason) + self._shown()
            yield _trouble(self.suite, case_id, said, self.clock - run.since)
            self.finished += 1
        if not held:
            self.lost.append(line.reason)

    def _session(self, returncode: int | None, died: str) -> Iterator[CaseResult]:
        """没有哪个用例可以怪罪时，套件自身的结局。"""
        if self.stopped and not self.verdict:
            yield _trouble(self.suite, SESSION, "; ".join(self.stopped))
        elif not self.finished and self.deselected and not self.verdict:
            reason = f"no case of this suite matches {self.spec.select!r}"
            yield CaseResult(self.suite, f"{self.suite}/{SESSION}", Outcome.SKIP, 0.0, reason)
        elif not self.finished:
            yield _trouble(self.suite, SESSION, f"no case ran: {died}{self._shown()}")
        elif self.lost or self.verdict or returncode not in {0, 1}:
            yield _trouble(self.suite, SESSION, "; ".join(self.lost or [died]) + self._shown())

    def _shown(self) -> str:
        """进程最后的话。"""
        tail = self.tail()
        return f"\nits last output:\n{tail}" if tail else ""


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
