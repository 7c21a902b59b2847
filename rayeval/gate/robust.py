"""robust 判法：越界之外还要区间不含零、复测同意；证据不足就说不足，从不悄悄放过。"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from rayeval.domain.report import NO_STATS, CellReport, CellSummary, RunReport, ScenarioReport
from rayeval.domain.verdict import Finding, GateSpec, Level
from rayeval.gate.compare import comparable, e2e_p99, qps, ttft_p99
from rayeval.gate.rows import CellRows, Floats, Rows, no_rows
from rayeval.gate.rules import fail_ratio

Check = Callable[[ScenarioReport, ScenarioReport | None, GateSpec], list[Finding]]

CHECKS: Mapping[str, Check] = {
    "ttft_p99": ttft_p99,
    "e2e_p99": e2e_p99,
    "qps": qps,
    "fail_ratio": fail_ratio,
}
"""逐 cell 的规则：只有它们的越界可以存疑，可以复测。"""

JUDGED = ("passed", "broken", "improved")


@dataclass(frozen=True, slots=True)
class Evidence:
    """一条越界的统计证据：区间、p 值、样本数；`flaw` 是证据为何不够格，够格为空。"""

    low: float | None = None
    high: float | None = None
    p: float = 1.0
    n: int | None = None
    flaw: str = ""


def doubtful(now: ScenarioReport, base: ScenarioReport | None, spec: GateSpec) -> tuple[str, ...]:
    """该复测的 cell 的名字，次序同 `now.cells`：任何逐 cell 的规则越了界的。不可比则不比。"""
    base = None if comparable(now, base, spec) else base
    broken = {f.where for check in CHECKS.values() for f in check(now, base, spec) if _is_over(f)}
    return tuple(c.summary.id for c in now.cells if c.summary.id in broken)


@dataclass(frozen=True, slots=True)
class _Trial:
    """审一个场景的越界要用的东西。"""

    now: ScenarioReport
    base: ScenarioReport | None
    spec: GateSpec
    rows: Rows
    base_rows: Rows

    def evidence(self, finding: Finding, tests: int) -> Evidence:
        """一条越界的证据；`tests` 是同一条规则一共比了多少次。"""
        theirs = _cell(self.base.cells if self.base else (), finding.where)
        ours = _cell(self.now.cells, finding.where)
        if ours is None:
            return Evidence(flaw="the cell is gone")
        if finding.rule == "fail_ratio":
            return _of_ratio(ours.summary, self.spec)
        if theirs is None:
            return Evidence(flaw="the baseline's cell is gone")
        mine = self.rows(self.now.scenario, ours.summary)
        other = self.base_rows(self.now.scenario, theirs.summary)
        if mine is None or other is None:
            whose = "this run" if mine is None else "the baseline"
            return Evidence(flaw=f"no raw rows of {whose} (requests.parquet), so no interval")
        plateau = _both_flat(finding.rule, ours.summary, theirs.summary)
        samples = [_samples(finding.rule, side, plateau=plateau) for side in (mine, other)]
        return of_samples(
            finding.rule, samples[0], samples[1], self.spec, ours.summary.concurrency, tests=tests
        )

    def doubts(self, finding: Finding, proof: Evidence, *, significant: bool) -> list[str]:
        """还不能算数的理由；没有则证据确凿。"""
        doubts = [proof.flaw] if proof.flaw else []
        if proof.low is not None and not significant:
            what = "the limit" if finding.rule == "fail_ratio" else "no change"
            doubts.append(f"{what} is within the interval, corrected for the number of cells")
        again = _cell(self.now.confirmations, finding.where)
        if again is None:
            return [*doubts, "not measured once more"]
        if not again.certificate.ok:
            return [*doubts, "the re-run's load generator did not keep its promise"]
        check = CHECKS[finding.rule]
        second = next(iter(check(replace(self.now, cells=(again,)), self.base, self.spec)), None)
        if second is None or not _is_over(second):
            told = "had nothing to compare" if second is None else second.message
            doubts.append(f"the re-run does not agree: {told}")
        return doubts


def reconsider(
    findings: Sequence[Finding],
    now: RunReport,
    baseline: RunReport | None,
    spec: GateSpec,
    *,
    rows: Rows = no_rows,
    base_rows: Rows = no_rows,
) -> list[Finding]:
    """给每条越界补上 robust 的看法；`spec.mode` 是 robust 时由它定分量，次序不变。

    Holm 校正按规则、跨全部场景的全部 cell；`rows` 与 `base_rows` 是两边的原始行。
    """
    trials = {
        s.scenario: _Trial(s, _named(baseline, s.scenario), spec, rows, base_rows)
        for s in now.scenarios
    }
    found = list(findings)
    for rule in CHECKS:
        tests = sum(f.rule == rule and f.kind in JUDGED for f in findings)
        over = [i for i, f in enumerate(findings) if f.rule == rule and _is_over(f)]
        proofs = [trials[findings[i].scenario].evidence(findings[i], tests) for i in over]
        kept = _holm([proof.p for proof in proofs], tests, spec)
        for i, proof, significant in zip(over, proofs, kept, strict=True):
            trial = trials[findings[i].scenario]
            doubts = trial.doubts(findings[i], proof, significant=significant)
            found[i] = _told(findings[i], proof, doubts, spec)
    return found


def _holm(p_values: Sequence[float], tests: int, spec: GateSpec) -> list[bool]:
    """哪些越界经校正后仍显著；p 是单侧的，双侧的 α 取一半。没有越界就不必导入 numpy。"""
    if not p_values:
        return []
    from rayeval.gate.interval import holm

    return holm(p_values, tests, (1 - spec.confidence) / 2)


def _is_over(finding: Finding) -> bool:
    """逐 cell 的规则越了界。"""
    return finding.rule in CHECKS and finding.kind == "broken"


def _of_ratio(cell: CellSummary, spec: GateSpec) -> Evidence:
    """失败率的证据：Wilson 区间。"""
    from rayeval.gate.interval import ratio_p, wilson

    low, high = wilson(cell.failed, cell.issued, spec.confidence)
    return Evidence(low, high, ratio_p(cell.failed, cell.issued, spec.max_fail_ratio), cell.issued)


def _samples(rule: str, side: CellRows, *, plateau: bool) -> Floats:
    """一条规则看的样本：QPS 是成功与占用的秒数两列，其余是一族延迟。"""
    if rule == "qps":
        return side.work(plateau=plateau)
    return side.latency(rule.removesuffix("_p99"), plateau=plateau)


def of_samples(
    rule: str, now: Floats, base: Floats, spec: GateSpec, block: int, *, tests: int
) -> Evidence:
    """由两边按先后排的样本：变化的自助法区间；重抽的次数随检验的次数涨，p 才够小。"""
    from rayeval.gate.interval import change_interval, p99, rate

    n = min(len(now), len(base))
    if not n:
        return Evidence(n=0, flaw="the raw rows hold no sample of this cell")
    interval = change_interval(
        now,
        base,
        rate if rule == "qps" else p99,
        block=block,
        confidence=spec.confidence,
        replicates=max(1999, 50 * tests),
        rise_is_bad=rule != "qps",
    )
    thin = rule != "qps" and n < spec.min_p99_samples
    flaw = f"a P99 of {n} samples, {spec.min_p99_samples} are needed" if thin else ""
    return Evidence(interval.low, interval.high, interval.p, n, flaw)


def _both_flat(rule: str, ours: CellSummary, theirs: CellSummary) -> bool:
    """比的是平台段还是全程；与 contract 判法取的是同一段。"""
    if rule == "qps":
        return ours.plateau_qps is not None and theirs.plateau_qps is not None
    family = rule.removesuffix("_p99")
    return all(side.plateau.get(family, NO_STATS).n > 0 for side in (ours, theirs))


def _told(finding: Finding, proof: Evidence, doubts: list[str], spec: GateSpec) -> Finding:
    """补上区间与 robust 的看法；由它裁决时，存疑的变成 doubtful。"""
    words = "inconclusive, " + "; ".join(doubts) if doubts else "broken, confirmed by a re-run"
    if proof.low is not None and proof.high is not None:
        words += f"; {spec.confidence:.0%} interval {proof.low:+.1%} to {proof.high:+.1%}"
    finding = replace(
        finding,
        message=f"{finding.message}; robust: {words}",
        n=proof.n,
        low=proof.low,
        high=proof.high,
        robust="inconclusive" if doubts else "broken",
    )
    if spec.mode == "robust" and doubts:
        return replace(finding, kind="doubtful", level=Level.INCONCLUSIVE)
    return finding


def _cell(cells: Sequence[CellReport], name: str) -> CellReport | None:
    """同名的 cell。"""
    return next((cell for cell in cells if cell.summary.id == name), None)


def _named(report: RunReport | None, scenario: str) -> ScenarioReport | None:
    """报告里的一个场景。"""
    found = report.scenarios if report is not None else ()
    return next((s for s in found if s.scenario == scenario), None)
