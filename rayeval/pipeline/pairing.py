"""准确率与基线配对：两边的 answers.parquet 逐题对上，同一场考试才比。"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rayeval.accuracy.paired import Scores, compare
from rayeval.domain.accuracy import Accuracy
from rayeval.domain.report import RunReport, ScenarioReport

_SAME = ("dataset_name", "dataset_sha256", "prompt", "source")
_log = logging.getLogger(__name__)


def pair_up(report: RunReport, root: Path, baseline: RunReport, file: Path) -> RunReport:
    """每个两边都考过同一场的场景带上配对；`root` 是本次的产物目录，`file` 是基线的报告。

    基线的作答表不在（只留了报告）、读不动，就没有配对，记一条警告。
    """
    theirs = {scenario.scenario: scenario for scenario in baseline.scenarios}
    away = file.resolve().parent.parent.parent
    scenarios = [
        (
            _pair(scenario, root, theirs[scenario.scenario], away, baseline.run_id)
            if scenario.scenario in theirs
            else scenario
        )
        for scenario in report.scenarios
    ]
    return replace(report, scenarios=tuple(scenarios))


def _pair(
    now: ScenarioReport, root: Path, then: ScenarioReport, away: Path, name: str
) -> ScenarioReport:
    """一个场景。"""
    mine, others = now.accuracy, then.accuracy
    if mine is None:
        return now
    if mine.paired is not None and mine.paired.baseline != name:  # 那是与别的基线配的
        mine = replace(mine, paired=None)
        now = replace(now, accuracy=mine)
    if others is None or not _comparable(mine, others):
        return now
    ours, base = _scores(now, root), _scores(then, away)
    if not ours or not base:
        return now
    return replace(now, accuracy=replace(mine, paired=compare(ours, base, name)))


def _comparable(mine: Accuracy, others: Accuracy) -> bool:
    """同一份题、同样的问法、都有效。"""
    same = all(getattr(mine, name) == getattr(others, name) for name in _SAME)
    return same and mine.valid and others.valid


def _scores(scenario: ScenarioReport, root: Path) -> Scores:
    """作答表里的逐题得分；没有表则为空。"""
    names = [path for path in scenario.artifacts if Path(path).name == "answers.parquet"]
    for name in names:
        path = root / name
        try:
            table = pq.read_table(path, columns=["example", "repeat", "score"])
        except (OSError, pa.ArrowException) as error:
            _log.warning("no paired comparison: %s: %s", path, error)
            continue
        columns = table.to_pydict()
        keys = zip(columns["example"], columns["repeat"], strict=True)
        return dict(zip(keys, columns["score"], strict=True))
    return {}
