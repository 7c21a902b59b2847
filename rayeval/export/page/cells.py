"""一个场景的各 cell → 它们的曲线：一次一个 cell 地读原始行，读完只留几十个点。"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from rayeval.domain.report import CellReport, CellSummary, RunReport, ScenarioReport
from rayeval.export.page.curves import Curve, Timeline, distribution, timeline
from rayeval.export.page.material import Material
from rayeval.export.page.samples import FAMILIES, Samples, cell_samples


@dataclass(frozen=True, slots=True)
class Drawn:
    """一个 cell：汇总、基线的同一个 cell、两边的分布（族 → 曲线）、随时间的样子。"""

    cell: CellReport
    base: CellReport | None = None
    now: dict[str, Curve] = field(default_factory=dict)
    then: dict[str, Curve] = field(default_factory=dict)
    over_time: Timeline | None = None

    @property
    def summary(self) -> CellSummary:
        """汇总。"""
        return self.cell.summary

    @property
    def lengths(self) -> str:
        """输入与输出长度，如 128 → 32。"""
        return f"{self.summary.input_length} → {self.summary.output_length}"


def drawn(scenario: ScenarioReport, material: Material) -> Iterator[Drawn]:
    """一个场景的各 cell，按报告里的次序。"""
    known = {cell.summary.id: cell for cell in baseline_cells(material.baseline, scenario.scenario)}
    rows, base_rows = material.now(scenario.scenario), material.base(scenario.scenario)
    plan = material.plans.get(scenario.scenario)
    for cell in scenario.cells:
        base = known.get(cell.summary.id)
        samples = cell_samples(rows, cell.summary)
        others = cell_samples(base_rows, base.summary) if base is not None else None
        schedule = plan.schedule(cell.summary.concurrency) if plan is not None else None
        yield Drawn(
            cell=cell,
            base=base,
            now=_curves(samples),
            then=_curves(others),
            over_time=None if samples is None else timeline(samples, schedule),
        )


def baseline_cells(baseline: RunReport | None, scenario: str) -> Sequence[CellReport]:
    """基线里同一个场景的各 cell；没有则为空。"""
    found = baseline.scenarios if baseline is not None else ()
    return next((s.cells for s in found if s.scenario == scenario), ())


def _curves(samples: Samples | None) -> dict[str, Curve]:
    """各族的分布；没有样本的族不在内。"""
    if samples is None:
        return {}
    curves = {family: distribution(samples.family(family)) for family in FAMILIES}
    return {family: curve for family, curve in curves.items() if curve.x}
