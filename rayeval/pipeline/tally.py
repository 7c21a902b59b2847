"""功能阶段数到了哪里：各种结局几个，一共要跑几个。"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from rayeval.domain.events import Progress
from rayeval.domain.functional import CaseResult, Outcome, SuiteSize


class Tally:
    """各套件的用例数。总数要等每个套件都说过自己有几个才知道，从不小于做完的。"""

    def __init__(self, suites: Iterable[str]) -> None:
        """`suites` 是这个阶段的全部套件，能力探测也算一个。"""
        self.outcomes: Counter[Outcome] = Counter()
        self._sizes: dict[str, int | None] = dict.fromkeys(suites)
        self._done: Counter[str] = Counter()
        self._note = ""

    def expect(self, size: SuiteSize) -> None:
        """一个套件收齐了。"""
        self._sizes[size.suite] = size.cases

    def count(self, case: CaseResult, suite: str) -> None:
        """套件 `suite` 的一个用例有了结局。"""
        self.outcomes[case.outcome] += 1
        self._done[suite] += 1
        self._note = case.case_id

    def close(self, suite: str) -> None:
        """一个套件不会再有结局：有过几个就是几个，收集不了、中途没了的也是。"""
        self._sizes[suite] = self._done[suite]

    @property
    def total(self) -> int:
        """一共几个；还有套件没说的为 0。套件自身的毛病也是一个结局，会多出来。"""
        if None in self._sizes.values():
            return 0
        return sum(max(size or 0, self._done[suite]) for suite, size in self._sizes.items())

    def progress(self) -> Progress:
        """此刻的进展。"""
        return Progress("functional", self._note, self.outcomes.total(), self.total)
