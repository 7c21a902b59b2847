"""发卷：各场景的卷在驱动端出好，赶在启动任何服务之前。"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rayeval.accuracy.exam import resume, set_exam
from rayeval.domain.accuracy import AccuracySpec, Exam
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.errors import ConfigError, Problem
from rayeval.export.journal import read_journal


def papers(spec: RunSpec) -> Mapping[str, Exam]:
    """场景名 → 卷；不考的、交给外部工具考的没有。

    数据集、模板的毛病攒齐了抛一个 ConfigError，注明是哪些场景要的；续考对不上抛 UsageError。
    """
    found: dict[str, Exam] = {}
    troubles: dict[str, tuple[Problem, list[str]]] = {}
    for plan in spec.plans:
        if plan.accuracy is None:
            continue
        name = plan.scenario.id
        try:
            if plan.accuracy.external:
                _require_results(plan.accuracy)
            else:
                found[name] = _paper(plan)
        except ConfigError as error:
            for problem in error.problems:
                troubles.setdefault(str(problem), (problem, []))[1].append(name)
    if troubles:
        raise ConfigError([_for_whom(problem, names) for problem, names in troubles.values()])
    return found


def _paper(plan: ScenarioPlan) -> Exam:
    """一个场景的卷；要续考的带上答好的。"""
    assert plan.accuracy is not None  # noqa: S101 调用者已查
    exam = set_exam(plan.accuracy, plan.scenario.served_model_name)
    if plan.resume_answers is None:
        return exam
    identity, answers = read_journal(Path(plan.resume_answers))
    return resume(exam, identity, answers, plan.resume_answers)


def _require_results(spec: AccuracySpec) -> None:
    """只读现成结果的，结果要在；有命令的由命令去写。"""
    if not spec.runner and spec.results and not Path(spec.results).exists():
        message = "no such file or directory; name simple-evals' output, or a runner"
        raise ConfigError([Problem(spec.results, 0, 0, "results", message)])


def _for_whom(problem: Problem, names: list[str]) -> Problem:
    """问题后面写上是谁要的。"""
    message = f"{problem.message} (for scenario {', '.join(names)})"
    return Problem(problem.file, problem.line, problem.column, problem.field, message)
