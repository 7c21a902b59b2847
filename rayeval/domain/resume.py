"""接着跑：上一次已经测完的部分，场景拿着它跳过不必重来的。"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rayeval.domain.accuracy import Answer
from rayeval.domain.functional import CaseResult
from rayeval.domain.report import CellReport


@dataclass(frozen=True, slots=True)
class Done:
    """一个场景已测完的：阶段、套件与其用例、cell、作答；`fingerprint` 是当时服务的身份。"""

    stages: frozenset[str] = frozenset()
    suites: frozenset[str] = frozenset()
    cases: tuple[CaseResult, ...] = ()
    cells: tuple[CellReport, ...] = ()
    confirmations: tuple[CellReport, ...] = ()
    answers: Mapping[int, Answer] = field(default_factory=dict)
    fingerprint: Mapping[str, str] = field(default_factory=dict)

    def words(self) -> str:
        """给人看的一句：什么没有重测；什么都没有为空。"""
        parts = [
            ", ".join(sorted(self.stages)),
            _counted(self.suites, "functional" in self.stages, "suite"),
            _counted(self.cells, "perf" in self.stages, "cell"),
            _counted(self.answers, "accuracy" in self.stages, "answer"),
        ]
        return ", ".join(part for part in parts if part)


NOTHING = Done()


def _counted(things: object, whole: bool, word: str) -> str:  # noqa: FBT001 内部函数
    """几个没有重测；整个阶段都在内的不另说。"""
    count = len(things)  # type: ignore[arg-type]  # 三种容器，只数个数
    return "" if whole or not count else f"{count} {word}{'s' if count > 1 else ''}"
