"""同一个缘故的发现并成一条：一百个用例因同一句话没过，读者只要读一遍。"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from rayeval.domain.verdict import Finding

CERTIFICATE = "certificate"


@dataclass(frozen=True, slots=True)
class Alike:
    """一条发现，与它的全部去处（至少一个，按出现的次序）。"""

    finding: Finding
    wheres: tuple[str, ...]

    @property
    def where(self) -> str:
        """第一个去处，与还有几个。"""
        more = len(self.wheres) - 1
        return f"{self.wheres[0]} and {more} more" if more else self.wheres[0]

    @property
    def message(self) -> str:
        """话；证书的理由各 cell 不同，这里只说头一个的。"""
        if self.finding.rule == CERTIFICATE and len(self.wheres) > 1:
            return f"{self.finding.message}; the others' reasons stand with their cells"
        return self.finding.message


def alike(findings: Iterable[Finding]) -> list[Alike]:
    """场景、规则、轻重与话都相同的并成一条；次序是各自第一次出现的次序。

    证书的只看冒号之前的话：谁的发生器没守约。
    """
    groups: dict[tuple[str, ...], list[Finding]] = {}
    for one in findings:
        said = one.message.partition(": ")[0] if one.rule == CERTIFICATE else one.message
        key = (one.level.value, one.rule, one.kind, one.scenario, said)
        groups.setdefault(key, []).append(one)
    return [Alike(found[0], tuple(one.where for one in found)) for found in groups.values()]
