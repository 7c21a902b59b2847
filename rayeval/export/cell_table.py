"""一个场景的性能 → 终端上的一张窄表与其下的几行话；有内容的列才出现。"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from rayeval.domain.report import NO_STATS, CellReport, ScenarioReport, Stats
from rayeval.export.cell_notes import (
    THIN_LEGEND,
    cell_notes,
    has_thin_p99,
    milliseconds,
    p99_text,
)

_Column = tuple[str, Callable[[CellReport], str]]
"""（表头，两行；一个 cell 的那一格）。"""


def cell_section(scenario: ScenarioReport) -> Iterator[RenderableType]:
    """表，然后每个 cell 要说的话，然后记号的说明。延迟以毫秒显示，未定义为 -。"""
    table = Table(
        title=f"{scenario.scenario}: latency in ms",
        title_justify="left",
        box=None,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )
    columns = _columns(scenario.cells)
    table.add_column("cell", no_wrap=True)
    for header, _ in columns:
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("certi-\nficate")
    for cell in scenario.cells:
        texts = (Text(show(cell)) for _, show in columns)
        table.add_row(Text(cell.summary.id), *texts, _seal(cell))
    yield table
    for cell in scenario.cells:
        yield from _notes(cell)
    if any(has_thin_p99(cell, "ttft", "e2e", "response") for cell in scenario.cells):
        yield Text(f" {THIN_LEGEND}", "dim")


def _columns(cells: tuple[CellReport, ...]) -> list[_Column]:
    """要显示的列：服务的 TTFT 与 goodput 有了才显示。"""
    server: _Column = ("TTFT\nserver", lambda c: milliseconds(_stats(c, "server_ttft").avg))
    good: _Column = ("good\n%", _good)
    any_server = any(_stats(cell, "server_ttft").avg is not None for cell in cells)
    any_good = any(cell.summary.good_ratio is not None for cell in cells)
    return [
        ("\nn", lambda c: str(c.summary.issued)),
        ("fail\n%", lambda c: f"{c.summary.fail_ratio * 100:.1f}"),
        ("\nQPS", lambda c: f"{c.summary.qps:.2f}"),
        *([good] if any_good else []),
        ("\ntok/s", lambda c: f"{c.summary.output_throughput:.1f}"),
        ("TTFT\navg", lambda c: milliseconds(_stats(c, "ttft").avg)),
        ("\nP99", lambda c: p99_text(_stats(c, "ttft"))),
        *([server] if any_server else []),
        ("TPOT\navg", lambda c: milliseconds(_stats(c, "tpot").avg)),
        ("E2E\navg", lambda c: milliseconds(_stats(c, "e2e").avg)),
        ("\nP99", lambda c: p99_text(_stats(c, "e2e"))),
    ]


def _stats(cell: CellReport, key: str) -> Stats:
    """一族统计；没有则为空的。"""
    return cell.summary.stats.get(key, NO_STATS)


def _good(cell: CellReport) -> str:
    """达到目标的份额。"""
    ratio = cell.summary.good_ratio
    return "-" if ratio is None else f"{ratio * 100:.1f}"


def _seal(cell: CellReport) -> Text:
    """证书：守约与否，太短而没判的是 short；理由在表下。"""
    if not cell.certificate.ok:
        return Text("no", "yellow")
    return Text("ok", "green") if cell.certificate.judged else Text("short", "dim")


def _notes(cell: CellReport) -> Iterator[Text]:
    """一个 cell 的话，各一行；证书的理由在前。"""
    for reason in () if cell.certificate.ok else cell.certificate.reasons:
        yield Text(f" {cell.summary.id}: {_printable(reason)}", "yellow")
    for note in cell_notes(cell):
        yield Text(f" {cell.summary.id}: {_printable(note)}", "yellow")


def _printable(text: str) -> str:
    """理由里可能有服务的话：控制字符换成空格。"""
    return "".join(char if char.isprintable() else " " for char in text)
