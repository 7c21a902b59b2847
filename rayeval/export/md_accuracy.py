"""准确率一节的 Markdown：分数与区间、各领域、与基线的配对。"""

from __future__ import annotations

from collections.abc import Iterator

from rayeval.domain.accuracy import Accuracy, Paired
from rayeval.domain.report import RunReport
from rayeval.export.md_text import escape, number, percent, table

_HEADER = (
    "Scenario | Dataset | Score | 95 % interval | Minimum | Answers | Robust score | Unparsed"
    " | Errors | Prompt | Valid"
)
_DOMAINS = "Scenario | Domain | Score | 95 % interval | Answers"
_PAIRED = "Scenario | Both right | Lost | Won | Both wrong | Change | 95 % interval | p"


def accuracy_section(report: RunReport) -> list[str]:
    """每个场景的分数、区间与各比率；有领域、有配对的再各一张表。没有考过则为空。"""
    found = [
        (escape(scenario.scenario), scenario.accuracy)
        for scenario in report.scenarios
        if scenario.accuracy is not None
    ]
    if not found:
        return []
    lines = ["## Accuracy", "", *table(_HEADER, [_row(name, score) for name, score in found])]
    domains = [row for name, score in found for row in _domains(name, score)]
    if domains:
        lines += ["", *table(_DOMAINS, domains)]
    pairs = [_paired(name, score.paired) for name, score in found if score.paired is not None]
    if pairs:
        title = "Answer by answer against the baseline (McNemar):"
        lines += ["", title, "", *table(_PAIRED, pairs)]
    return lines


def _row(scenario: str, score: Accuracy) -> tuple[str, ...]:
    """一个场景的分数。"""
    return (
        scenario,
        escape(score.dataset_name + (" (debug)" if score.debug else "")),
        number(score.score),
        f"{number(score.low)} – {number(score.high)}",
        number(score.min_score),
        str(score.n),
        number(score.robust_score),
        percent(score.unparsed_ratio),
        percent(score.error_ratio),
        escape(score.prompt),
        "yes" if score.valid else "no",
    )


def _domains(scenario: str, score: Accuracy) -> Iterator[tuple[str, ...]]:
    """各领域一行。"""
    for domain in score.domains:
        between = f"{number(domain.low)} – {number(domain.high)}"
        yield scenario, escape(domain.name), number(domain.score), between, str(domain.n)


def _paired(scenario: str, paired: Paired) -> tuple[str, ...]:
    """配对的一行。"""
    counts = (paired.both_right, paired.lost, paired.won, paired.both_wrong)
    return (
        scenario,
        *(str(count) for count in counts),
        f"{paired.difference:+.4g}",
        f"{paired.low:+.4g} – {paired.high:+.4g}",
        f"{paired.p_value:.2g}",
    )
