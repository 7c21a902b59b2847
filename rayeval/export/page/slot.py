"""页面上放一张图的位置：标题、几个选项，选项的每种组合一张图。"""

from __future__ import annotations

from dataclasses import dataclass

from rayeval.export.page.figure import Figure, Words


@dataclass(frozen=True, slots=True)
class Select:
    """一个选项：叫什么，可选的（值，怎么说）。"""

    label: Words
    options: tuple[tuple[str, Words], ...]


@dataclass(frozen=True, slots=True)
class Slot:
    """一个图位；`figures` 的键是各选项的值以 | 相连，没有选项则为空串。

    `name` 在整页里独一无二；`note` 是图下的一句解释，`wide` 是占满一行。
    """

    name: str
    title: Words
    figures: dict[str, Figure]
    selects: tuple[Select, ...] = ()
    note: Words = ""
    wide: bool = False
