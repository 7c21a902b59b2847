"""活表的排版：各场景此刻的样子与窗口的大小 → 恰好放得下的几行；不碰终端。"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.text import Text

from rayeval.domain.report import STAGES, Status
from rayeval.progress.cells import middle, pad, wrap
from rayeval.progress.outlook import counted, eta_s
from rayeval.progress.row import Phase, Row
from rayeval.progress.words import Glyphs, Segment, clean, segments, span, stopping

SHORT = {"functional": "func", "accuracy": "acc", "teardown": "down"}
"""窄的时候阶段的名字。"""
TIMED = 8
"""一列至少这么宽，记号后面才写得下用时。"""
ROOMY = 110
"""从这么宽起画进度条。"""
BAR = 12
REASON_LINES = 2
RANK = (
    Phase.RUNNING,
    Phase.FAILED,
    Phase.STOPPED,
    Phase.PASSED,
    Phase.WAITING,
    Phase.KEPT,
)
"""地方不够时谁先上。"""
ECHO = 4
"""最后一行留这么宽：终端回显的 ^C 不至于折行、弄乱上面的。"""


@dataclass(frozen=True, slots=True)
class Window:
    """往哪里画：宽、高、字符，此刻是何时、何时开始的，Ctrl-C 来了几次。"""

    width: int
    height: int
    glyphs: Glyphs
    now: float
    began: float
    stops: int = 0


@dataclass(frozen=True, slots=True)
class Columns:
    """名字多宽，哪些阶段，各多宽，写不写用时。"""

    name: int
    stages: tuple[tuple[str, str, int], ...]
    timed: bool


def picture(rows: Sequence[Row], window: Window) -> list[Text]:
    """表头、各场景、总计；行数不超过窗口的高，每行不超过宽，所以从不折行。"""
    columns = _columns(rows, window.width)
    blocks = [(row, _block(row, columns, window)) for row in rows]
    tail = _tail(rows, window)
    room = max(1, window.height - 2 - len(tail))
    lines = [line for _, block in blocks for line in block]
    if len(lines) > room:
        lines = _fold(blocks, room)
    lines = [_header(columns), *lines, *tail]
    for line in lines[:-1]:
        line.truncate(window.width, overflow="ellipsis")
    lines[-1].truncate(max(1, window.width - ECHO), overflow="ellipsis")
    return lines


def _columns(rows: Sequence[Row], width: int) -> Columns:
    """写得下用时就写，其次写全名，最后写短名、名字从中间省略。"""
    planned = [stage for stage in STAGES if any(stage in row.planned for row in rows)]
    need = max((cell_len(clean(row.name)) for row in rows), default=0)
    need = max(need, len("scenario"))
    for timed, short in ((True, False), (False, False), (False, True)):
        heads = [SHORT.get(stage, stage) if short else stage for stage in planned]
        widths = [max(len(head), TIMED if timed else 0) for head in heads]
        left = width - sum(widths) - 2 * len(widths)
        stages = tuple(zip(planned, heads, widths, strict=True))
        if need <= left or short:
            return Columns(max(8, min(need, left)), stages, timed)
    raise AssertionError("the last variant always fits")


def _header(columns: Columns) -> Text:
    """阶段的名字。"""
    text = Text(pad("scenario", columns.name), "dim")
    for _, head, width in columns.stages:
        text.append("  " + head.ljust(width))
    text.rstrip()
    return text


def _block(row: Row, columns: Columns, window: Window) -> list[Text]:
    """一个场景的几行：记号，当前阶段的详情，失败的缘故。"""
    lines = [_marks(row, columns, window)]
    if row.busy:
        lines += _flow(_detail(row, window), window.width, window.glyphs)
    for result in row.results.values():
        if result.status is not Status.PASS and result.status is not Status.SKIPPED:
            lines += _reason(f"{result.stage} {result.status}", result.reason, window)
    if row.crash is not None:
        lines += _reason(row.crash.kind, row.crash.message, window)
    return lines


def _marks(row: Row, columns: Columns, window: Window) -> Text:
    """名字与各阶段的记号。"""
    name = pad(middle(clean(row.name), columns.name, window.glyphs.cut), columns.name)
    text = Text(name, "bold" if row.phase is Phase.RUNNING else "")
    for stage, _, width in columns.stages:
        mark, style, seconds = _mark(row, stage, window)
        text.append("  ")
        text.append(mark, style)
        took = f" {span(seconds)}" if columns.timed and seconds is not None else ""
        text.append(took.ljust(width - cell_len(mark)), "dim")
    text.rstrip()
    return text


def _mark(row: Row, stage: str, window: Window) -> tuple[str, str, float | None]:
    """一格：记号、样式、用时。"""
    glyphs = window.glyphs
    if (result := row.results.get(stage)) is not None:
        styles = {Status.PASS: "green", Status.SKIPPED: "yellow", Status.CANCELLED: "yellow"}
        seconds = None if result.status is Status.SKIPPED else result.seconds
        return glyphs.status(result.status), styles.get(result.status, "bold red"), seconds
    if row.busy and stage == row.stage:
        return glyphs.running, "bold cyan", window.now - row.since
    if stage not in row.planned or row.phase is Phase.KEPT:
        return " ", "", None
    if row.ended is not None:
        return glyphs.skipped, "yellow", None
    return glyphs.waiting, "dim", None


def _detail(row: Row, window: Window) -> list[Segment]:
    """当前阶段的几截；宽的窗口有进度条，记号里没写用时的不再省。"""
    return segments(row, window.now, window.glyphs, BAR if window.width >= ROOMY else 0)


def _flow(parts: Iterable[Segment], width: int, glyphs: Glyphs, indent: str = "  ") -> list[Text]:
    """把几截排成行，只在截与截之间换行。"""
    lines = [Text(indent)]
    for text, style in parts:
        fresh = lines[-1].cell_len == len(indent)
        if not fresh and lines[-1].cell_len + cell_len(glyphs.dot + text) > width:
            lines.append(Text(indent))
            fresh = True
        if not fresh:
            lines[-1].append(glyphs.dot, "dim")
        lines[-1].append(text, style)
    return lines


def _reason(head: str, reason: str, window: Window) -> list[Text]:
    """一个失败的阶段与缘故，至多两行。"""
    words = clean(f"{head}: {reason}" if reason else head)
    wrapped = wrap(words, max(20, window.width - 4), REASON_LINES, window.glyphs.cut)
    marks = (f"  {window.glyphs.failed} ", *["    "] * REASON_LINES)
    return [Text(mark + line, "red") for mark, line in zip(marks, wrapped, strict=False)]


def _fold(blocks: list[tuple[Row, list[Text]]], room: int) -> list[Text]:
    """放不下时：在跑的先上，然后没过的、过了的，放不下的数在一行里。"""
    shown: list[Text] = []
    left: list[Row] = []
    for row, block in sorted(blocks, key=lambda pair: RANK.index(pair[0].phase)):
        if not left and len(shown) + len(block) < room:
            shown += block
        elif not shown:
            shown += block[: room - 1]
        else:
            left.append(row)
    rest = ", ".join(f"{number} {phase.value}" for phase, number in counted(left))
    return [*shown, Text(f"+ {rest}", "dim")] if left else shown


def _tail(rows: Sequence[Row], window: Window) -> list[Text]:
    """总计一行；要停了，其下再一行说在做什么。"""
    styles = {Phase.FAILED: "bold red", Phase.PASSED: "green", Phase.RUNNING: "cyan"}
    parts: list[Segment] = [(f"{n} {p.value}", styles.get(p, "")) for p, n in counted(rows)]
    parts.append((f"elapsed {span(window.now - window.began)}", ""))
    left = eta_s(rows, window.now)
    if window.stops:
        pass
    elif all(row.phase in {Phase.WAITING, Phase.KEPT} for row in rows):
        parts.append(("starting", "dim"))
    elif all(row.ended is not None for row in rows):
        parts.append(("finishing", "dim"))
    elif left is not None:
        parts.append((f"about {span(left)} left", "bold"))
    parts[0] = (f"total: {parts[0][0]}", parts[0][1])
    lines = _flow(parts, window.width - ECHO, window.glyphs, "")
    return [*lines, *_stopping(rows, window)]


def _stopping(rows: Sequence[Row], window: Window) -> list[Text]:
    """要停了：在做什么；再按也不要紧。"""
    if not window.stops:
        return []
    calm = "Ctrl-C again is safe and no faster" if window.stops == 1 else "heard you; still at it"
    parts = [(f"STOPPING: {stopping(rows)}", "bold yellow"), (calm, "yellow")]
    return _flow(parts, window.width - ECHO, window.glyphs, "")
