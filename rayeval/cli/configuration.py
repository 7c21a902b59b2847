"""命令行：只看配置的几个动词：查、打印计划、生成参考。重的导入都在函数里，它们才快。"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from rayeval.cli.options import ConfigDir, Debug, Json, RunType, ScenarioIds, Stages, console
from rayeval.errors import ConfigError
from rayeval.exits import leave


def validate(*, config: ConfigDir = Path("configs"), debug: Debug = False) -> None:
    """查配置。"""

    def job() -> int:
        """全部问题各一行。"""
        from rayeval.config import validate as check

        problems = check(config, dict(os.environ))
        if problems:
            raise ConfigError(problems)
        typer.echo(f"{config}: ok")
        return 0

    leave(job, debug=debug)


def plan(
    *,
    config: ConfigDir = Path("configs"),
    run_type: RunType = "pr",
    scenario: ScenarioIds = None,
    stage: Stages = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """打印计划。"""

    def job() -> int:
        """一个场景一行。"""
        from rayeval.config import load, plan_rows

        spec = load(
            config,
            run_type=run_type,
            run_id="plan",
            scenarios=scenario or (),
            stages=stage or (),
            env=dict(os.environ),
        )
        _print_plan(plan_rows(spec), as_json=as_json)
        return 0

    leave(job, debug=debug)


def _print_plan(rows: list, *, as_json: bool) -> None:  # type: ignore[type-arg]
    """计划表，或 JSON。"""
    import dataclasses
    import json

    if as_json:
        typer.echo(json.dumps([dataclasses.asdict(row) for row in rows], indent=1))
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    headers = ("scenario", "mode", "stages", "suites", "cells", "requests + warm-up")
    for header in (*headers, "output tokens", "questions"):
        table.add_column(header, no_wrap=header == "scenario")
    for row in rows:
        questions = "?" if row.accuracy_items is None else str(row.accuracy_items)
        cells, requests = str(row.cells), f"{row.requests:,} + {row.warmup_requests}"
        stages = " ".join(s for s in row.stages if s in {"functional", "perf", "accuracy"})
        table.add_row(
            *(row.scenario, row.mode, stages, str(len(row.suites)), cells, requests),
            *(f"{row.output_tokens:,}", questions),
        )
    console().print(table)
    if any(row.accuracy_items is None for row in rows):
        typer.echo("?: the questions are not at hand; `rayeval doctor` says what is missing")


def schema(
    *,
    config: ConfigDir = Path("configs"),
    check: Annotated[
        bool, typer.Option("--check", help="Only say whether they are stale.")
    ] = False,
    debug: Debug = False,
) -> None:
    """生成或核对参考。"""

    def job() -> int:
        """写，或只看是否过期。"""
        from rayeval.config import stale, write_reference

        if check:
            names = stale(config)
            for name in names:
                typer.echo(f"{name}: stale; run `rayeval schema --config {config}`", err=True)
            return 1 if names else 0
        for name in write_reference(config):
            typer.echo(f"wrote {name}")
        return 0

    leave(job, debug=debug)
