"""接着跑：上一次已经测完的部分，场景拿着它跳过不必重来的。"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rayeval.domain.functional import CaseResult
from rayeval.domain.report import CellReport
from rayeval.printable import amount


@dataclass(frozen=True, slots=True)
class Done:
    """一个场景已测完的：阶段、套件与其用例、cell；`fingerprint` 是当时服务的身份。

    没考完的作答另有流水（answers_partial.jsonl），随卷子走。
    """

    stages: frozenset[str] = frozenset()
    suites: frozenset[str] = frozenset()
    cases: tuple[CaseResult, ...] = ()
    cells: tuple[CellReport, ...] = ()
    confirmations: tuple[CellReport, ...] = ()
    fingerprint: Mapping[str, str] = field(default_factory=dict)

    def words(self, answers: int = 0) -> str:
        """给人看的一句：什么没有重测，另有几道已答的题；什么都没有为空。"""
        parts = [
            ", ".join(sorted(self.stages)),
            _counted(0 if "functional" in self.stages else len(self.suites), "suite"),
            _counted(0 if "perf" in self.stages else len(self.cells), "cell"),
            _counted(answers, "answer"),
        ]
        return ", ".join(part for part in parts if part)


NOTHING = Done()


def _counted(count: int, word: str) -> str:
    """几个没有重测；没有则为空。"""
    return amount(count, word) if count else ""
