"""运行时终端上的话：真终端上是活的表，别处是稀疏的行，也可安静或逐行 JSON。"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rayeval.domain.events import CaseFinished, Event, Progress, StageFinished, StageStarted
from rayeval.domain.functional import Outcome
from rayeval.domain.load import Counters
from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.report import Status
from rayeval.forecast import Forecast
from rayeval.pipeline.executor import Crash

PLAIN_INTERVAL_S = 5.0
"""非终端上，同一场景的进度行至多这么久一行；阶段的开始与结束总会说。"""
LONGEST = 100
"""剩余时间里一个单位至多写到这么多，再多就换大的。"""
SPEAKS_FROM = 0.02
"""考试做完这么多才说还剩多久：分片起来之前的工夫不能算作答题的速率。"""
SETTLED_S = 0.5
"""进入一个 cell 这么久之后才说它的速率，秒。"""
Loads = Mapping[str, PerfSpec | None]
"""场景 → 它的压测档位，好估剩余时间；不压测的为 None。"""
STYLES = {
    Status.PASS: "green",
    Status.FAIL: "red",
    Status.ERROR: "red",
    Status.SKIPPED: "yellow",
    Status.CANCELLED: "yellow",
}


@dataclass(slots=True)
class Row:
    """一个场景此刻的样子。"""

    forecast: Forecast | None = None
    stage: str = "waiting"
    note: str = ""
    done: int = 0
    total: int = 0
    counters: Counters | None = None
    since: float = field(default_factory=time.monotonic)
    cell: Cell | None = None
    cell_since: float = field(default_factory=time.monotonic)
    cell_tokens: int = 0
    results: list[tuple[str, Status]] = field(default_factory=list)
    bad_cases: int = 0

    def take(self, event: Event | Crash | None) -> None:
        """记下一句话。"""
        match event:
            case StageStarted(stage=stage, note=note):
                self.stage, self.note, self.done, self.total = stage, note, 0, 0
                self.counters, self.since = None, time.monotonic()
            case Progress():
                self.note = event.note.removesuffix(" epoch 1/1")
                self.done, self.total = event.done, event.total
                self.counters = event.counters or self.counters
                if event.cell != self.cell and self.counters is not None:
                    self.cell, self.cell_since = event.cell, time.monotonic()
                    self.cell_tokens = self.counters.tokens
            case CaseFinished(case=case):
                self.bad_cases += case.outcome in {Outcome.FAIL, Outcome.ERROR}
            case StageFinished(result=result):
                self.results.append((result.stage, result.status))
                self.note = result.reason
            case Crash():
                self.stage, self.note = "crashed", f"{event.kind}: {event.message}"
            case None:
                self.stage = "done"
            case _:
                pass

    def amount(self) -> str:
        """做了多少：`12/40`、在途、失败、当前 cell 的速率。"""
        parts = [f"{self.done}/{self.total}" if self.total else str(self.done or "")]
        if self.counters is not None and self.stage == "perf":
            parts += [f"in flight {self.counters.in_flight}", f"failed {self.counters.failed}"]
            seconds = time.monotonic() - self.cell_since
            rate = (self.counters.tokens - self.cell_tokens) / max(seconds, SETTLED_S)
            parts += [f"{rate:,.0f} tok/s"] if rate and seconds > SETTLED_S else []
        elif self.bad_cases and self.stage == "functional":
            parts.append(f"not passed {self.bad_cases}")
        return " · ".join(part for part in parts if part)

    def eta(self) -> str:
        """按至今的速率估的剩余时间；说不准就不说。"""
        if self.stage in {"done", "crashed"} or not self.total or not self.done:
            return ""
        share = self.done / self.total
        if self.stage == "accuracy" and share < SPEAKS_FROM:
            return ""
        if self.stage == "perf" and self.forecast is not None:
            share = self.forecast.share(self.done)
        return _span((time.monotonic() - self.since) * (1 / share - 1)) + " left"


def _span(seconds: float) -> str:
    """一段时间，读得出远近就够：45 s、3 min、2.5 h。"""
    for unit, size in (("s", 1), ("min", 60)):
        if seconds < LONGEST * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds / 3600:.1f} h"


class LiveView:
    """终端上的活表：场景一行，阶段、数目、剩余时间。"""

    def __init__(self, console: Console, loads: Loads) -> None:
        """每个场景一行。"""
        self._rows = _rows(loads)
        self._live = Live(
            console=console, get_renderable=self._table, refresh_per_second=4, transient=True
        )

    def __enter__(self) -> Self:
        """开始画。"""
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """收起：最后的表接着就来。"""
        self._live.stop()

    def watch(self, scenario: str, event: Event | Crash | None) -> None:
        """更新一行；画由定时刷新去做。"""
        self._rows[scenario].take(event)

    def _table(self) -> Table:
        """此刻的表。"""
        table = Table(box=None, pad_edge=False, expand=True)
        for header in ("scenario", "stages", "now", "progress", "left"):
            table.add_column(header, overflow="ellipsis", no_wrap=header != "progress")
        for name, row in self._rows.items():
            marks = Text()
            for stage, status in row.results:
                marks.append(f"{stage} ", STYLES[status])
            now = (
                row.stage
                if row.stage == "done"
                else f"{row.stage} {time.monotonic() - row.since:.0f} s"
            )
            detail = " · ".join(part for part in (row.amount(), row.note) if part)
            left = row.eta().removesuffix(" left")
            table.add_row(Text(name), marks, now, Text(detail), left)
        return table


class PlainView:
    """一行一行：阶段的开始与结束，其间每隔几秒一行；没有控制字符。"""

    def __init__(self, write: Callable[[str], None], loads: Loads) -> None:
        """`write` 收一行文本。"""
        self._rows = _rows(loads)
        self._said = dict.fromkeys(loads, 0.0)
        self._write = write

    def __enter__(self) -> Self:
        """无事。"""
        return self

    def __exit__(self, *_: object) -> None:
        """无事。"""

    def watch(self, scenario: str, event: Event | Crash | None) -> None:
        """该说就说一行。"""
        row = self._rows[scenario]
        row.take(event)
        match event:
            case StageStarted(stage=stage):
                self._say(scenario, f"{stage} started")
            case StageFinished(result=result):
                reason = f": {_one_line(result.reason)}" if result.reason else ""
                self._say(
                    scenario, f"{result.stage} {result.status} {result.seconds:.1f} s{reason}"
                )
            case Crash():
                self._say(scenario, f"{event.kind}: {_one_line(event.message)}")
            case Progress() if time.monotonic() - self._said[scenario] >= PLAIN_INTERVAL_S:
                parts = (row.amount(), _one_line(row.note), row.eta())
                self._say(scenario, f"{row.stage} " + " · ".join(part for part in parts if part))
            case _:
                pass

    def _say(self, scenario: str, text: str) -> None:
        """写一行。"""
        self._said[scenario] = time.monotonic()
        self._write(f"{time.strftime('%H:%M:%S')} {scenario}: {text}")


class JsonView(PlainView):
    """同样的节奏，每行一个 JSON 对象，给机器读。"""

    def _say(self, scenario: str, text: str) -> None:
        """写一行。"""
        self._said[scenario] = time.monotonic()
        row = self._rows[scenario]
        body = {"scenario": scenario, "stage": row.stage, "message": text}
        self._write(json.dumps(body | {"done": row.done, "total": row.total}, ensure_ascii=False))


def _rows(loads: Loads) -> dict[str, Row]:
    """每个场景一行，还没开始。"""
    return {name: Row(Forecast(spec) if spec else None) for name, spec in loads.items()}


def _one_line(text: str) -> str:
    """控制字符换成空格的一行，至多 200 字。"""
    return "".join(c if c.isprintable() else " " for c in text)[:200]


def choose_view(
    console: Console, loads: Loads, *, quiet: bool, as_json: bool
) -> LiveView | PlainView:
    """按终端与开关选一种。"""
    if as_json:
        return JsonView(_line_writer(console), loads)
    if quiet:
        return PlainView(lambda _: None, loads)
    if console.is_terminal:
        return LiveView(console, loads)
    return PlainView(_line_writer(console), loads)


def _line_writer(console: Console) -> Callable[[str], None]:
    """往控制台的流里写一行，不经排版。"""

    def write(line: str) -> None:
        """写一行并立刻送出。"""
        console.file.write(line + "\n")
        console.file.flush()

    return write
