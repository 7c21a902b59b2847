"""一个场景的性能 → 终端上的一张窄表与其下的几行话；有内容、放得下的列才出现。"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

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
from rayeval.export.fitted import Fitted
from rayeval.printable import amount, printable

_Column = tuple[str, Callable[[CellReport], str]]
"""（表头，两行；一个 cell 的那一格）。"""


DROPPED_FIRST = ("server", "n", "e2e", "ttft", "good", "tok", "tpot")
"""窄的终端上先舍谁；门禁看的（失败率、QPS、两个 P99）与证书一直在。"""


def cell_section(scenario: ScenarioReport) -> Iterator[RenderableType]:
    """表，然后每个 cell 要说的话，然后记号的说明。延迟以毫秒显示，未定义为 -。"""
    columns = _columns(scenario.cells)
    present = [key for key in DROPPED_FIRST if key in columns]
    yield Fitted([partial(_table, scenario, columns, present[:n]) for n in range(len(present) + 1)])
    yield from _notes(scenario.cells)
    if any(has_thin_p99(cell, "ttft", "e2e", "response") for cell in scenario.cells):
        yield Text(f" {THIN_LEGEND}", "dim")


def _table(scenario: ScenarioReport, columns: dict[str, _Column], left_out: Sequence[str]) -> Table:
    """表，少了 `left_out` 这几列，并在题目里说。"""
    title = f"{scenario.scenario}: latency in ms"
    columns_left = f"{amount(len(left_out), 'column')} left out"
    caption = f"{columns_left}: wider terminals and the CSV files have all"
    table = Table(
        title=title,
        title_justify="left",
        caption=caption if left_out else None,
        caption_justify="left",
        box=None,
        padding=(0, 0, 0, 1),
        pad_edge=False,
    )
    shown = [column for key, column in columns.items() if key not in left_out]
    table.add_column("cell", overflow="fold")
    for header, _ in shown:
        table.add_column(header, justify="right", no_wrap=True)
    table.add_column("certi-\nficate", no_wrap=True)
    for cell in scenario.cells:
        texts = (Text(show(cell)) for _, show in shown)
        table.add_row(Text(cell.summary.id), *texts, _seal(cell))
    return table


def _columns(cells: tuple[CellReport, ...]) -> dict[str, _Column]:
    """要显示的列，按次序：服务的 TTFT 与 goodput 有了才显示。"""
    known: dict[str, _Column] = {
        "n": ("\nn", lambda c: str(c.summary.issued)),
        "fail": ("fail\n%", lambda c: f"{c.summary.fail_ratio * 100:.1f}"),
        "qps": ("\nQPS", lambda c: f"{c.summary.qps:.2f}"),
        "good": ("good\n%", _good),
        "tok": ("\ntok/s", lambda c: f"{c.summary.output_throughput:.1f}"),
        "ttft": ("TTFT\navg", lambda c: milliseconds(_stats(c, "ttft").avg)),
        "ttft_p99": ("TTFT\nP99", lambda c: p99_text(_stats(c, "ttft"))),
        "server": ("TTFT\nserver", lambda c: milliseconds(_stats(c, "server_ttft").avg)),
        "tpot": ("TPOT\navg", lambda c: milliseconds(_stats(c, "tpot").avg)),
        "e2e": ("E2E\navg", lambda c: milliseconds(_stats(c, "e2e").avg)),
        "e2e_p99": ("E2E\nP99", lambda c: p99_text(_stats(c, "e2e"))),
    }
    absent = {
        "server": all(_stats(cell, "server_ttft").avg is None for cell in cells),
        "good": all(cell.summary.good_ratio is None for cell in cells),
    }
    return {key: column for key, column in known.items() if not absent.get(key)}


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


def _notes(cells: Sequence[CellReport]) -> Iterator[Text]:
    """各 cell 的话，各一行，证书的理由在前；同一句话只说一遍。"""
    said: dict[str, list[str]] = {}
    for cell in cells:
        reasons = () if cell.certificate.ok else cell.certificate.reasons
        for note in (*reasons, *cell_notes(cell)):
            said.setdefault(note, []).append(cell.summary.id)
    for note, ids in said.items():
        yield Text(f" {', '.join(ids)}: {printable(note)}", "yellow")
