"""命令行：判存盘的运行，对照两次存盘的运行。"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayeval.cli.options import Baseline, Debug, Json, console
from rayeval.exits import leave


def gate(
    *,
    stored: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="report.json, its directory, a run's id, or artifacts: the newest."
        ),
    ],
    baseline: Baseline = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Take the thresholds from this matrix.yaml.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Append the report to this Markdown file.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """对存盘的报告再判一次。"""

    def job() -> int:
        """读、判、说。"""
        from rayeval.judging import judge_stored

        return judge_stored(stored, baseline, config, console(), as_json=as_json, markdown=markdown)

    leave(job, debug=debug)


def compare(
    *,
    before: Annotated[
        Path,
        typer.Argument(metavar="A", help="report.json, its directory, artifacts, or a run's id."),
    ],
    after: Annotated[Path, typer.Argument(metavar="B", help="The same, for the later run.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="Take thresholds and resets from here.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Append the comparison to this Markdown file.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(help="Write the page of B against A to this file.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """两次存盘的运行对照。"""

    def job() -> int:
        """读、判、说。"""
        from rayeval.comparing import Outputs, compare_stored

        outputs = Outputs(markdown, html, as_json=as_json)
        return compare_stored(before, after, config, outputs, console())

    leave(job, debug=debug)
