"""重复测得的数 → 中位数与范围 → Markdown 表与 JSON。"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Column:
    """一列：样本的键、列头与写法（format 的规格）；`scale` 乘在写出来的数上。"""

    key: str
    head: str
    spec: str = ",.0f"
    scale: float = 1.0

    def write(self, samples: Sequence[float]) -> str:
        """中位数（最小–最大）；没有样本是一个短横。"""
        if not samples:
            return "–"
        middle, *ends = (
            format(value * self.scale, self.spec)
            for value in (statistics.median(samples), min(samples), max(samples))
        )
        same = ends[0] == middle == ends[1]
        return middle if same else f"{middle} ({ends[0]} – {ends[1]})"


@dataclass(slots=True)
class Table:
    """一项基准：题目、说明、行。行的键是标签，值是各次重复的样本。"""

    name: str
    title: str
    note: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: dict[tuple[str, ...], dict[str, list[float]]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def add(self, key: tuple[str, ...], **samples: float | None) -> None:
        """某一行添一次重复；None 的不添。"""
        row = self.rows.setdefault(key, {})
        for name, value in samples.items():
            if value is not None:
                row.setdefault(name, []).append(value)

    def compare(self, name: str, ratio: str, ours: str) -> None:
        """添一列样本：同一轮里我们的除以它的；末尾那个键是客户端。"""
        for key, row in self.rows.items():
            mine = self.rows.get((*key[:-1], ours), {}).get(name, [])
            if key[-1] != ours:
                pairs = zip(mine, row.get(name, []), strict=False)
                row[ratio] = [us / them for us, them in pairs if them]

    def markdown(self) -> str:
        lines = [f"### {self.name}: {self.title}", ""]
        if self.rows:
            heads = [*self.keys, *(column.head for column in self.columns)]
            lines += [_line(heads), _line(["---"] * len(heads))]
            lines += [_line(self._cells(key)) for key in self.rows]
            lines.append("")
        lines += [line for text in (self.note, *self.remarks) for line in (text, "") if text]
        return "\n".join(lines)

    def plain(self) -> dict[str, Any]:
        """给 JSON 的样子：全部样本都在，单位在键的末尾。"""
        rows = [
            {**dict(zip(self.keys, key, strict=True)), "samples": row}
            for key, row in self.rows.items()
        ]
        return {"bench": self.name, "title": self.title, "rows": rows, "remarks": self.remarks}

    def _cells(self, key: tuple[str, ...]) -> list[str]:
        row = self.rows[key]
        return [*key, *(column.write(row.get(column.key, [])) for column in self.columns)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
