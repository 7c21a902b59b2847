"""命令行：主命令 `rayeval run`。"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rayeval.cli import words
from rayeval.cli.options import (
    OUTPUT,
    WHAT,
    WHERE,
    Artifacts,
    Baseline,
    ConfigDir,
    Debug,
    Json,
    Plain,
    Quiet,
    RunType,
    ScenarioIds,
    Ship,
    Stages,
    console,
)
from rayeval.exits import catch_signals, leave


def run(
    *,
    config: ConfigDir = Path("configs"),
    address: Annotated[
        str,
        typer.Option(
            help="Ray: local (embedded), auto or HOST:PORT; inline: without Ray.",
            rich_help_panel=WHERE,
            autocompletion=words.addresses,
        ),
    ] = "local",
    run_type: RunType = "pr",
    scenario: ScenarioIds = None,
    stage: Stages = None,
    artifacts: Artifacts = Path("artifacts"),
    baseline: Baseline = None,
    resume: Annotated[
        str | None,
        typer.Option(
            metavar="RUN_ID",
            help="Go on with a run that was killed; same flags.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    ship: Ship = "installed",
    parallel: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Scenarios at a time; default: the number of nodes.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    push: Annotated[
        bool | None,
        typer.Option(
            "--push/--no-push",
            help="Metrics to the Pushgateway; default: daily runs.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
    plain: Plain = False,
    debug: Debug = False,
) -> None:
    """主命令。"""

    def job() -> int:
        """启动、测量、收场、判定。"""
        from rayeval.app import Manner, RunOptions, main_job

        options = RunOptions(
            config_dir=config,
            run_type=run_type,
            scenarios=tuple(scenario or ()),
            stages=tuple(stage or ()),
            baseline=baseline,
            manner=Manner(
                address=address,
                artifacts=artifacts,
                ship=ship,
                parallel=parallel,
                quiet=quiet,
                as_json=as_json,
                plain=plain,
                push=push,
            ),
            resume=resume,
        )
        catch_signals()
        return main_job(options, console())

    leave(job, debug=debug)
