"""与基线相比的规则：同一个 cell 的 TTFT P99、E2E P99、QPS；先问可不可比，再问变了多少。"""

from __future__ import annotations

import math
from collections.abc import Iterator

from rayeval.domain.report import NO_STATS, CellSummary, ScenarioReport, Stats
from rayeval.domain.verdict import Finding, GateSpec, Level

TOLERANCE = 1e-9
"""「恰好等于阈值不算越过」的浮点余地：(1.1 − 1.0)/1.0 算出来略大于 0.1，比值差小于它的视为相等。

它比任何时钟的分辨率都小得多，不会放过真的越界。
"""

ENOUGH_FOR_P99 = 100
"""少于这么多样本的 P99 近于最大值，发现里会注明。"""

TOLD_ONLY = frozenset({"engine_version"})
"""指纹里只说不比的：升级引擎版本正是人们要比的事。"""

_MISSING = {"ignore": Level.INFO, "warn": Level.WARN, "fail": Level.FAIL}


def beyond(change: float, threshold: float) -> bool:
    """严格越过阈值；相差不到 TOLERANCE 的算相等。"""
    return change - threshold > TOLERANCE


def comparable(now: ScenarioReport, base: ScenarioReport | None, _: GateSpec) -> list[Finding]:
    """身份相同才可比；不同则一条 incomparable，写明哪些键不同、各是什么。

    有一边没有 cell 就没有什么可比，不在此报：那是 not_measured 或 missing_baseline。
    """
    if base is None or not now.cells or not base.cells:
        return []
    differing = _differences(_identity(now), _identity(base))
    if not differing:
        return []
    message = f"not compared with the baseline: {'; '.join(differing)}"
    level = Level.INCONCLUSIVE
    return [Finding("comparable", level, "incomparable", now.scenario, "scenario", message)]


def baseline_present(
    now: ScenarioReport, base: ScenarioReport | None, spec: GateSpec
) -> list[Finding]:
    """测了的 cell 在基线里都要有；没有的各一条 missing_baseline，整个场景没有则只一条。"""
    if not now.cells:
        return []
    level = _MISSING[spec.missing_baseline]
    if base is None or not base.cells:
        message = "no baseline for this scenario; TTFT, E2E and QPS are not compared"
        return [Finding("baseline", level, "missing_baseline", now.scenario, "scenario", message)]
    known = {cell.summary.id for cell in base.cells}
    message = "the baseline has no such cell; TTFT, E2E and QPS are not compared"
    return [
        Finding("baseline", level, "missing_baseline", now.scenario, cell.summary.id, message)
        for cell in now.cells
        if cell.summary.id not in known
    ]


def ttft_p99(now: ScenarioReport, base: ScenarioReport | None, spec: GateSpec) -> list[Finding]:
    """TTFT P99 相对基线的上升不越过 `max_ttft_p99_increase`。"""
    return _latency(now, base, "ttft", spec.max_ttft_p99_increase)


def e2e_p99(now: ScenarioReport, base: ScenarioReport | None, spec: GateSpec) -> list[Finding]:
    """E2E P99 相对基线的上升不越过 `max_e2e_p99_increase`。"""
    return _latency(now, base, "e2e", spec.max_e2e_p99_increase)


def qps(now: ScenarioReport, base: ScenarioReport | None, spec: GateSpec) -> list[Finding]:
    """QPS 相对基线的下降不越过 `max_qps_decrease`；跌到 0 是下降 100 %，不是不可比。"""
    return [
        _differently_loaded("qps", now, ours, theirs)
        or _cell_qps(now.scenario, ours, theirs, spec.max_qps_decrease)
        for ours, theirs in _pairs(now, base)
    ]


def _cell_qps(scenario: str, ours: CellSummary, theirs: CellSummary, limit: float) -> Finding:
    """一个 cell 的 QPS：两边都有平台段时比平台段，否则都取全程，从不混着比。"""
    values, part = (ours.plateau_qps, theirs.plateau_qps), "plateau"
    if None in values:
        values, part = (ours.qps, theirs.qps), "ramp included"
    return _change(
        "qps", scenario, ours.id, values, limit=limit, unit="/s", rise_is_bad=False, note=part
    )


def _latency(
    now: ScenarioReport, base: ScenarioReport | None, family: str, limit: float
) -> list[Finding]:
    """每个 cell 一族延迟的 P99。"""
    return [
        _differently_loaded(f"{family}_p99", now, ours, theirs)
        or _cell_latency(now.scenario, ours, theirs, family, limit)
        for ours, theirs in _pairs(now, base)
    ]


def _cell_latency(
    scenario: str, ours: CellSummary, theirs: CellSummary, family: str, limit: float
) -> Finding:
    """一个 cell 一族延迟的 P99：两边都有平台段样本时比平台段，否则都取全部，从不混着比。"""
    rule = f"{family}_p99"
    mine, other, part = _same_part(ours, theirs, family)
    if mine.n == other.n == 0 and ours.succeeded > 0 and theirs.succeeded > 0:
        message = f"{family} is undefined on both sides (as TTFT is without streaming)"
        return Finding(rule, Level.INFO, "not_measured", scenario, ours.id, message)
    note = f"{part}, n={mine.n}, was {other.n}"
    if min(mine.n, other.n) < ENOUGH_FOR_P99:
        note += "; a P99 of so few samples is close to the maximum"
    values = (mine.p99, other.p99)
    return _change(rule, scenario, ours.id, values, limit=limit, unit=" s", note=note)


def _pairs(
    now: ScenarioReport, base: ScenarioReport | None
) -> Iterator[tuple[CellSummary, CellSummary]]:
    """两边都测了、证书都有效的同名 cell；证书无效的由 certificate 规则去说。"""
    known = {cell.summary.id: cell for cell in (base.cells if base else ())}
    for cell in now.cells:
        other = known.get(cell.summary.id)
        if other is not None and cell.certificate.ok and other.certificate.ok:
            yield cell.summary, other.summary


def _same_part(now: CellSummary, base: CellSummary, family: str) -> tuple[Stats, Stats, str]:
    """两边可比的同一段样本，与这一段的名字。"""
    mine, other = now.plateau.get(family, NO_STATS), base.plateau.get(family, NO_STATS)
    if mine.n > 0 and other.n > 0:
        return mine, other, "plateau"
    return now.stats.get(family, NO_STATS), base.stats.get(family, NO_STATS), "all samples"


def _differently_loaded(
    rule: str, now: ScenarioReport, ours: CellSummary, theirs: CellSummary
) -> Finding | None:
    """同名 cell 而负载的打法不同（控制方式、接口、数据集）时不可比。"""
    differing = _differences(_load(ours), _load(theirs))
    if not differing:
        return None
    message = f"the cell was loaded differently: {'; '.join(differing)}"
    level = Level.INCONCLUSIVE
    return Finding(rule, level, "incomparable", now.scenario, ours.id, message)


def _change(
    rule: str,
    scenario: str,
    where: str,
    values: tuple[float | None, float | None],
    *,
    limit: float,
    unit: str,
    rise_is_bad: bool = True,
    note: str = "",
) -> Finding:
    """两个数 → 一条发现：不是数的为 incomparable，其余按相对变化定 broken、improved、passed。"""
    now = _number(values[0], zero_counts=not rise_is_bad)
    base = _number(values[1], zero_counts=False)
    sides = f"{_show(values[1], unit)} → {_show(values[0], unit)}"
    note = f" ({note})" if note else ""
    if now is None or base is None:
        message = f"not comparable: {sides}{note}"
        return Finding(rule, Level.INCONCLUSIVE, "incomparable", scenario, where, message)
    change = (now - base) / base
    worse = change if rise_is_bad else -change
    kind, level = "passed", Level.OK
    if beyond(worse, limit):
        kind, level = "broken", Level.FAIL
    elif beyond(-worse, limit):
        kind, level = "improved", Level.INFO
    message = f"{sides}, {change:+.1%}, limit {limit:.1%}{note}"
    return Finding(rule, level, kind, scenario, where, message, now, base, change, limit)


def _number(value: float | None, *, zero_counts: bool) -> float | None:
    """能拿来比的数，否则 None：有限、为正；-1 是“没有”的写法，延迟为 0 也不是测出来的。"""
    if value is None or not math.isfinite(value) or value < 0:
        return None
    return value if value > 0 or zero_counts else None


def _show(value: float | None, unit: str) -> str:
    """给人看的数；没有就直说。"""
    return "undefined" if value is None or not math.isfinite(value) else f"{value:.4g}{unit}"


def _identity(report: ScenarioReport) -> dict[str, str]:
    """决定可比与否的身份：部署形态、模型、量化、接口，与硬件、引擎、参数的指纹。"""
    own = {
        "mode": report.mode,
        "model": report.model,
        "quant": report.quant,
        "backend": report.backend,
    }
    compared = {k: v for k, v in report.fingerprint.items() if k not in TOLD_ONLY}
    return own | compared


def _load(cell: CellSummary) -> dict[str, str]:
    """负载的打法；请求数与遍数不在内，它们只影响精度。"""
    return {
        "backend": cell.backend,
        "control_method": cell.control_method,
        "dataset_type": cell.dataset_type,
    }


def _differences(now: dict[str, str], base: dict[str, str]) -> list[str]:
    """不同的键与两边的值，按名排序；只有一边有的也算不同。"""
    return [
        f"{key} is {now.get(key, 'absent')!r}, was {base.get(key, 'absent')!r}"
        for key in sorted(now.keys() | base.keys())
        if now.get(key) != base.get(key)
    ]
