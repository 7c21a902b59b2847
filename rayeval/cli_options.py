"""几个动词共用的开关，与说话用的控制台；都很轻，`--help` 才快。"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

EXIT_CODES = (
    "Exit codes: 0 pass, 1 gate failed, 2 usage or configuration, 3 infrastructure, 4 inconclusive."
)
PIPE_WIDTH = 160

Artifacts = Annotated[
    Path, typer.Option("--artifacts", "--benchmark-save-path", help="Where results are written.")
]
Ship = Annotated[
    str, typer.Option("--ship", help="How code reaches other nodes: installed or source.")
]
Debug = Annotated[bool, typer.Option("--debug", help="Show tracebacks.")]
Json = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]


def console() -> Console:
    """真终端用它的宽度；管道与日志里没有宽度，给足，免得截断。"""
    from rich.console import Console

    return Console() if sys.stdout.isatty() else Console(width=PIPE_WIDTH)
