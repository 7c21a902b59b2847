"""一个场景此刻的样子 → 几截短语；活表与行都用它们。"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rayeval.domain.report import Status
from rayeval.printable import printable
from rayeval.progress.row import Phase, Row

LONGEST = 100
"""一段时间里一个单位至多写到这么多，再多就换大的。"""


@dataclass(frozen=True, slots=True)
class Glyphs:
    """画表用的字符；`ASCII` 给编码画不出别的的控制台。"""

    waiting: str
    running: str
    passed: str
    failed: str
    skipped: str
    cut: str
    dot: str
    times: str
    full: str
    empty: str

    def status(self, status: Status) -> str:
        """一个结局的记号。"""
        if status is Status.PASS:
            return self.passed
        return self.skipped if status is Status.SKIPPED else self.failed


UNICODE = Glyphs("·", "●", "✓", "✗", "–", "…", " · ", "×", "█", "░")
ASCII = Glyphs(".", ">", "+", "x", "-", "...", " | ", "x", "#", ".")

Segment = tuple[str, str]
"""（一截短语，它的样式）。"""


def glyphs_of(encoding: str | None) -> Glyphs:
    """编码画得出就用好看的。"""
    return UNICODE if (encoding or "").lower().replace("-", "").startswith("utf") else ASCII


def segments(row: Row, now: float, glyphs: Glyphs, bar: int = 0) -> list[Segment]:
    """当前阶段的几截，要紧的在前；`bar` 是进度条的格数。"""
    limit = f" of {span(row.limit_s)}" if row.limit_s else ""
    parts = [(f"{row.stage} {span(now - row.since)}{limit}", "cyan")]
    parts += _BY_STAGE.get(row.stage, _note)(row, now, glyphs)
    if bar and row.total:
        full = min(bar, bar * row.done // row.total)
        drawn = glyphs.full * full + glyphs.empty * (bar - full)
        parts = [(f"{drawn} {text}" if text == _done(row) else text, s) for text, s in parts]
    if (left := row.eta_s(now)) is not None:
        parts.append((f"{span(left)} left", "bold"))
    return [(clean(text), style) for text, style in parts if text]


def _perf(row: Row, now: float, glyphs: Glyphs) -> Iterator[Segment]:
    """哪个 cell，许可与在途，做了多少、失败多少，多快。"""
    if row.cell is None:
        yield row.note, ""
    else:
        yield f"{row.cell.input_length}{glyphs.times}{row.cell.output_length}", ""
        yield f"concurrency {row.cell.concurrency}", ""
        epochs = row.perf.epochs if row.perf is not None else 1
        yield f"epoch {row.epoch}/{epochs}" if epochs > 1 and row.epoch else "", ""
    counters = row.counters
    if counters is not None and row.cell is not None:
        idle = not (counters.permits or counters.in_flight)  # 两个 cell 之间
        yield "no load" if idle else f"permits {counters.permits}", ""
        yield "" if idle else f"in flight {counters.in_flight}", ""
    yield _done(row), ""
    if counters is not None and (row.cell is not None or counters.failed):
        yield f"failed {counters.failed}", "red" if counters.failed else ""
    if (rate := row.rate(now)) is not None:
        yield f"{rate:,.0f} tok/s", ""


def _functional(row: Row, now: float, glyphs: Glyphs) -> Iterator[Segment]:  # noqa: ARG001
    """几个用例有了结局（总数知道了就说），几个没过，最近的是哪个。"""
    done = max(row.done, row.cases)  # 接着跑时，先前做完的只在 done 里
    total = f"/{max(row.total, done)}" if row.total else ""
    yield f"{done}{total} cases" if done or total else "", ""
    yield f"not passed {row.bad_cases}" if row.cases else "", "red" if row.bad_cases else ""
    yield row.note, "dim"


def _accuracy(row: Row, now: float, glyphs: Glyphs) -> Iterator[Segment]:  # noqa: ARG001
    """答了多少，至今的分数。"""
    yield _done(row), ""
    yield row.note, ""


def _note(row: Row, now: float, glyphs: Glyphs) -> Iterator[Segment]:  # noqa: ARG001
    """别的阶段只有一句话。"""
    yield _done(row), ""
    yield row.note, ""


_BY_STAGE: dict[str, Callable[[Row, float, Glyphs], Iterator[Segment]]] = {
    "perf": _perf,
    "functional": _functional,
    "accuracy": _accuracy,
}


def _done(row: Row) -> str:
    """做了多少，如 `12/40`；总数未知又没做的为空。"""
    return f"{row.done}/{row.total}" if row.total else str(row.done or "")


def span(seconds: float) -> str:
    """一段时间，读得出远近就够：45 s、3 min、2.5 h。"""
    for unit, size in (("s", 1), ("min", 60)):
        if seconds < LONGEST * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 3600:.1f} h"


def stopping(rows: Iterable[Row]) -> str:
    """要停了：此刻在做什么。"""
    rows = tuple(rows)
    downs = [clean(row.name) for row in rows if row.busy and row.stage == "teardown"]
    if downs:
        return f"tearing down {', '.join(downs)}"
    if all(row.phase in {Phase.WAITING, Phase.KEPT} for row in rows):
        return "nothing was started"
    if all(row.ended is not None or row.phase is Phase.WAITING for row in rows):
        return "services are down, writing what was measured"
    return "ending the measurement, then tearing services down"


def clean(text: str, limit: int = 400) -> str:
    """一行：控制字符（换行、转义、改变书写方向的）换成空格，至多 `limit` 字。"""
    return printable(text)[:limit].strip()
