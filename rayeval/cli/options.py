"""几个动词共用的开关，与说话用的控制台；都很轻，`--help` 才快。"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO, cast

import typer

from rayeval.cli import words

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODES = (
    "Exit codes: 0 pass, 1 gate failed, 2 usage or configuration, 3 infrastructure, 4 inconclusive,"
    " 130 interrupted."
)
PIPE_WIDTH = 160

WHAT, WHERE, JUDGING, OUTPUT = "What", "Where", "Judging", "Output"
"""帮助里开关的几栏。"""

Artifacts = Annotated[
    Path,
    typer.Option(
        "--artifacts",
        "--benchmark-save-path",
        help="Where results are written.",
        rich_help_panel=OUTPUT,
    ),
]
Ship = Annotated[
    str,
    typer.Option(
        "--ship",
        help="How code reaches other nodes: installed or source.",
        rich_help_panel=WHERE,
        autocompletion=words.choose(*words.SHIPS),
    ),
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.", rich_help_panel=OUTPUT)]
Json = Annotated[
    bool, typer.Option("--json", help="Machine-readable output.", rich_help_panel=OUTPUT)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.", rich_help_panel=OUTPUT)]
Plain = Annotated[
    bool,
    typer.Option(
        "--plain", help="Progress in plain lines, on a terminal too.", rich_help_panel=OUTPUT
    ),
]

ConfigDir = Annotated[
    Path,
    typer.Option(
        "--config", help="Directory with matrix.yaml and its neighbours.", rich_help_panel=WHAT
    ),
]
RunType = Annotated[
    str,
    typer.Option(
        "--run-type",
        help="pr or daily: the column of the matrix.",
        rich_help_panel=WHAT,
        autocompletion=words.choose(*words.RUN_TYPES),
    ),
]
ScenarioIds = Annotated[
    list[str] | None,
    typer.Option(
        "--scenario",
        help="Only this scenario; repeatable.",
        rich_help_panel=WHAT,
        autocompletion=words.scenarios,
    ),
]
Stages = Annotated[
    list[str] | None,
    typer.Option(
        "--stage",
        help="Only this stage: functional, perf or accuracy; repeatable.",
        rich_help_panel=WHAT,
        autocompletion=words.choose(*words.STAGES),
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(
        help="Stored report or artifacts to compare with; default: newest green daily.",
        rich_help_panel=JUDGING,
    ),
]


def console() -> Console:
    """真终端用它的宽度；管道与日志里没有宽度，给足，免得截断。"""
    from rich.console import Console

    out = Sturdy(sys.stdout)
    return Console(file=cast("TextIO", out), width=None if out.isatty() else PIPE_WIDTH)


def aside(*, quiet: bool) -> Console:
    """标准输出留给结果时，进度与表都说在标准错误上；`quiet` 则不说。"""
    from rich.console import Console

    err = Sturdy(sys.stderr)
    width = None if err.isatty() else PIPE_WIDTH
    return Console(file=cast("TextIO", err), width=width, quiet=quiet)


class Sturdy:
    """标准输出；读它的人走了、磁盘满了，就不再说话，但不打断正在做的测量。"""

    def __init__(self, stream: TextIO | None) -> None:
        """包住一个流；关着的（`>&-`）是 None，当作空洞。"""
        self._stream = io.StringIO() if stream is None else stream
        self._deaf = stream is None

    def write(self, text: str) -> int:
        """写；写不出去的丢掉。"""
        self._try(lambda: self._written(text))
        return len(text)

    def flush(self) -> None:
        """推出去；推不出去的丢掉。"""
        self._try(self._stream.flush)

    def _written(self, text: str) -> None:
        """写；编码画不出的字符换成问号，不为一个 × 丢了报告。"""
        try:
            self._stream.write(text)
        except UnicodeEncodeError:
            encoding = self._stream.encoding
            self._stream.write(text.encode(encoding, "replace").decode(encoding))

    def _try(self, act: Callable[[], object]) -> None:
        """做一次；不成就此闭嘴，剩在缓冲里的也丢进 /dev/null，免得离场时再出错。"""
        if self._deaf:
            return
        try:
            act()
        except OSError:
            self._deaf = True
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())

    def __getattr__(self, name: str) -> Any:
        """其余的一切都是那个流自己的。"""
        return getattr(self._stream, name)
