"""一次运行要做什么：配置、矩阵与命令行合起来的冻结结果。"""

from __future__ import annotations

from pydantic import Field

from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.model import Model
from rayeval.domain.perf import PerfSpec
from rayeval.domain.push import PushSpec
from rayeval.domain.scenario import Scenario
from rayeval.domain.verdict import BaselineReset, GateSpec


class ScenarioPlan(Model):
    """一个场景在本次运行里要过的阶段；没有的阶段为 None。"""

    scenario: Scenario
    optional: bool = Field(
        default=False, description="its failure to be measured does not fail the run"
    )
    functional: FunctionalSpec | None = None
    perf: PerfSpec | None = None
    accuracy: AccuracySpec | None = None
    resume_answers: str | None = Field(
        default=None, description="answers_partial.jsonl of an interrupted run, to go on from"
    )

    @property
    def planned(self) -> tuple[str, ...]:
        """要发生的阶段名，按次序。"""
        chosen = [
            name
            for name, spec in (
                ("functional", self.functional),
                ("perf", self.perf),
                ("accuracy", self.accuracy),
            )
            if spec is not None
        ]
        return ("launch", "ready", *chosen, "teardown")


class RunSpec(Model):
    """一次运行的全部输入。"""

    run_id: str
    run_type: str
    config_dir: str
    config_digest: str
    plans: tuple[ScenarioPlan, ...]
    gate: GateSpec = GateSpec()
    push: PushSpec = PushSpec()
    resets: tuple[BaselineReset, ...] = ()
    baseline: str | None = None
    narrowed: bool = False
