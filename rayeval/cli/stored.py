"""命令行：对存盘的运行再做一次最后几步；不测量。"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayeval.cli import words
from rayeval.cli.options import Baseline, Debug, Json, console
from rayeval.exits import leave

ConfigDir = Annotated[
    Path | None,
    typer.Option("--config", help="Take the push section and the gate from this matrix.yaml."),
]
FORMATS = ("metrics", "openmetrics", "csv", "junit")
"""`rayeval export --format` 的取值。"""


def push(
    *,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="RUN", help="report.json, its runs/{ts}/ directory, or a run's id."),
    ] = None,
    config: ConfigDir = None,
    url: Annotated[
        str | None, typer.Option(help="Default: push.url, PROM_PUSHGATEWAY_URL.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be sent where; send nothing.")
    ] = False,
    retire: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCENARIO",
            help="Delete this scenario's groups; repeatable.",
            autocompletion=words.scenarios,
        ),
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """推一次存盘的运行，或删掉退役场景的组。"""

    def job() -> int:
        """查参数，导入重的东西，推。"""
        from rayeval.errors import UsageError
        from rayeval.stored_run import Target, push_run, retire_scenarios

        if (run is None) == (not retire):
            raise UsageError("name a stored run to push, or a scenario with --retire; one of them")
        target = Target(config, url, dry_run=dry_run, as_json=as_json)
        if run is None:
            return retire_scenarios(retire or [], target, console())
        return push_run(run, target, console())

    leave(job, debug=debug)


def export(
    *,
    run: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="report.json, its runs/{ts}/ directory, or a run's id."),
    ],
    formats: Annotated[
        list[str] | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help="Repeatable; default: all of them.",
            autocompletion=words.choose(*FORMATS),
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Artifacts directory to write into; default: the run's own.")
    ] = None,
    config: ConfigDir = None,
    bom: Annotated[
        bool, typer.Option("--bom", help="CSV as utf-8-sig, which Excel asks for.")
    ] = False,
    debug: Debug = False,
) -> None:
    """再写一遍存盘的运行的产物。"""

    def job() -> int:
        """查参数，导入重的东西，写。"""
        from rayeval.errors import UsageError
        from rayeval.stored_run import export_run

        for name in formats or ():
            if name not in FORMATS:
                raise UsageError(f"--format {name!r}: write one of {', '.join(FORMATS)}")
        return export_run(run, tuple(formats or FORMATS), to, config, bom=bom, console=console())

    leave(job, debug=debug)


def report(
    *,
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="report.json, its directory, a run's id, or artifacts: the newest."
        ),
    ] = Path("artifacts"),
    baseline: Baseline = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="Take the thresholds from this matrix.yaml.")
    ] = None,
    to: Annotated[
        Path | None, typer.Option(help="Directory to write into; default: the run's own.")
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
    debug: Debug = False,
) -> None:
    """再写一遍存盘的运行的 report.html 与 report.md。"""

    def job() -> int:
        """读、判、画。"""
        from rayeval.reporting import report_stored

        return report_stored(run, baseline, config, to, console(), show=show)

    leave(job, debug=debug)
