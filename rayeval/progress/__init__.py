"""运行时终端上的话：真终端上是活的表，别处是稀疏的行，也可安静或逐行 JSON。"""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console

from rayeval.domain.run import ScenarioPlan
from rayeval.progress.json_lines import JsonView
from rayeval.progress.live import LiveView
from rayeval.progress.plain import PlainView, SilentView
from rayeval.progress.row import Row

View = LiveView | PlainView | SilentView

__all__ = ["JsonView", "LiveView", "PlainView", "Row", "SilentView", "View", "choose_view"]


def choose_view(
    console: Console,
    plans: Iterable[ScenarioPlan],
    *,
    quiet: bool = False,
    as_json: bool = False,
    plain: bool = False,
) -> View:
    """按终端与开关选一种：安静胜过 JSON，JSON 胜过行，行胜过活表。"""
    if quiet:
        return SilentView()
    rows = [Row(plan.scenario.id, plan.planned, plan.perf) for plan in plans]
    if as_json:
        return JsonView(console.file, rows)
    if plain or not _paints(console):
        return PlainView(console.file, rows)
    return LiveView(console, rows)


def _paints(console: Console) -> bool:
    """真的终端，而且动得了光标；FORCE_COLOR 只给管道添颜色，不使它成为终端。"""
    return console.is_terminal and not console.is_dumb_terminal and console.file.isatty()
