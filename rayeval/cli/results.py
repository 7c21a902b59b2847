"""命令行：`--format`，一个阶段的结果怎样到标准输出；进度与表那时都在标准错误上。"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from rayeval.cli import words
from rayeval.cli.options import OUTPUT, aside, console
from rayeval.errors import InfrastructureError, UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from rayeval.domain.report import RunReport
    from rayeval.export.files import Artifacts

TABLE = "table"
Format = Annotated[
    str,
    typer.Option(
        "--format",
        metavar="|".join(words.FORMATS),
        help="json, csv: only results on stdout, all else on stderr.",
        rich_help_panel=OUTPUT,
        autocompletion=words.choose(*words.FORMATS),
    ),
]


def check_format(form: str) -> None:
    """不认识的在测量之前就说。"""
    if form not in words.FORMATS:
        raise UsageError(f"--format {form!r}: write one of {', '.join(words.FORMATS)}")


def voice(form: str, *, quiet: bool) -> Console:
    """进度与表说在哪里：结果要独占标准输出时是标准错误，那时 --quiet 连表也不说。"""
    return console() if form == TABLE else aside(quiet=quiet)


def delivery(form: str, stage: str) -> Callable[[RunReport, int, Artifacts], None] | None:
    """把 `stage` 的结果写到标准输出的办法；table 没有，它由别处画。"""
    if form == TABLE:
        return None

    def deliver(report: RunReport, code: int, artifacts: Artifacts) -> None:
        """测完之后写一次。"""
        from rayeval.export.results import results_csv, results_json

        folder = artifacts.path(artifacts.run("report.json")).parent
        if form == "csv":
            data = results_csv(report, stage)
        else:
            data = results_json(report, stage, code, str(folder), str(artifacts.root))
        _write(data, str(folder))

    return deliver


def _write(data: bytes, folder: str) -> None:
    """字节原样写出；写不出去要说，因为结果没有到该到的地方。读的人走了照旧抛出。"""
    try:
        _out().flush()
        _out().buffer.write(data)
        _out().buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        message = (
            f"can't write the results to stdout: {error.strerror}; they are kept: "
            f"rayeval report {folder}"
        )
        raise InfrastructureError(message) from error


def _out() -> TextIO:
    """标准输出；关着的（`>&-`）是 None，同写不进去一样是 OSError。"""
    if sys.stdout is None:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    return sys.stdout
