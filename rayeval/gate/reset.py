"""基线重置：仓库里一份人人看得见的文件说，某刻之前的基线对某个场景不再作数。"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rayeval.domain.moment import moment
from rayeval.domain.report import RunReport
from rayeval.domain.verdict import BaselineReset, Finding, Level

EVERY = "*"


@dataclass(frozen=True, slots=True)
class Remaining:
    """重置之后还作数的基线，与为此要说的话。"""

    baseline: RunReport
    findings: tuple[Finding, ...]


def apply_resets(baseline: RunReport, resets: Sequence[BaselineReset]) -> Remaining:
    """从基线里去掉被重置的场景，一个场景一条发现，写明谁、何时、为何。

    开始的时刻读不懂的基线当作早于一切重置；恰在那一刻开始的算作新的。
    """
    began = moment(baseline.started_at)
    kept, findings = [], []
    for scenario in baseline.scenarios:
        applying = [r for r in resets if r.scenario in {EVERY, scenario.scenario}]
        newest = max(applying, key=lambda r: r.before, default=None)
        if newest is None or (began is not None and began >= newest.before):
            kept.append(scenario)
            continue
        message = (
            f"the baseline of {baseline.started_at} does not count: reset before "
            f"{newest.before.isoformat()} by {newest.by}: {newest.reason}"
        )
        findings.append(
            Finding("baseline", Level.INFO, "reset", scenario.scenario, "scenario", message)
        )
    return Remaining(replace(baseline, scenarios=tuple(kept)), tuple(findings))
