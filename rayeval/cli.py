"""命令行：动词与开关；异常经 exits 变成退出码。

帮助里的英文写在 help= 里；重的导入都在函数里，`--help`、`validate`、`plan` 才快。
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

import rayeval
from rayeval import cli_accuracy, cli_cleanup, cli_stage, cli_stored
from rayeval.cli_options import EXIT_CODES, Artifacts, Debug, Json, Quiet, Ship, console
from rayeval.cli_service import one_service
from rayeval.errors import ConfigError
from rayeval.exits import catch_signals, leave

PURPOSE = "Regression runs for LLM inference services: launch, check, load, score, gate."
cli = typer.Typer(
    name="rayeval",
    help=PURPOSE,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigDir = Annotated[
    Path, typer.Option("--config", help="Directory with matrix.yaml and its neighbours.")
]
RunType = Annotated[str, typer.Option("--run-type", help="pr or daily: the column of the matrix.")]
ScenarioIds = Annotated[
    list[str] | None, typer.Option("--scenario", help="Only this scenario; repeatable.")
]
Stages = Annotated[
    list[str] | None,
    typer.Option("--stage", help="Only this stage: functional, perf or accuracy; repeatable."),
]
Baseline = Annotated[
    Path | None,
    typer.Option(help="Stored report or artifacts to compare with; default: newest green daily."),
]


def _version(wanted: bool) -> None:  # noqa: FBT001 typer 的回调就是这个形状
    """打印版本并退出。"""
    if wanted:
        typer.echo(f"rayeval {rayeval.__version__}")
        raise typer.Exit


@cli.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """根命令：只挂 --version。"""


@cli.command(help="Measure and judge every scenario that the matrix selects.", epilog=EXIT_CODES)
def run(
    config: ConfigDir = Path("configs"),
    address: Annotated[
        str, typer.Option(help="Ray: local (embedded), auto or HOST:PORT; inline: without Ray.")
    ] = "local",
    run_type: RunType = "pr",
    scenario: ScenarioIds = None,
    stage: Stages = None,
    artifacts: Artifacts = Path("artifacts"),
    baseline: Baseline = None,
    resume: Annotated[
        str | None,
        typer.Option(metavar="RUN_ID", help="Go on with a run that was killed; same flags."),
    ] = None,
    ship: Ship = "installed",
    parallel: Annotated[
        int | None, typer.Option(min=1, help="Scenarios at a time; default: the number of nodes.")
    ] = None,
    push: Annotated[
        bool | None,
        typer.Option("--push/--no-push", help="Metrics to the Pushgateway; default: daily runs."),
    ] = None,
    quiet: Quiet = False,
    as_json: Json = False,
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
                push=push,
            ),
            resume=resume,
        )
        catch_signals()
        return main_job(options, console())

    leave(job, debug=debug)


cli.command(
    "perf",
    help="Load a service that already runs: one perf stage, no YAML; acs-bench's flag names.",
    epilog=EXIT_CODES,
)(one_service(cli_stage.add_load_flags(cli_stage.perf)))


cli.command(
    "functional",
    help="Check a service that already runs: capability probe and suites, no YAML.",
    epilog=EXIT_CODES,
)(one_service(cli_stage.functional))


cli.command(
    "accuracy",
    help="Score a service that already runs on a benchmark (GPQA's method), no YAML.",
    epilog=EXIT_CODES,
)(one_service(cli_accuracy.accuracy))


@cli.command(help="Check every configuration file; all errors at once, with file:line:column.")
def validate(config: ConfigDir = Path("configs"), debug: Debug = False) -> None:
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


@cli.command(help="Print what a run would do; nothing is started.")
def plan(
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
    for header in ("scenario", "mode", "stages", "suites", "cells", "requests", "questions"):
        table.add_column(header, no_wrap=header == "scenario")
    for row in rows:
        questions = "?" if row.accuracy_items is None else str(row.accuracy_items)
        cells, requests = str(row.cells), f"{row.requests} + {row.warmup_requests}"
        stages = " ".join(s for s in row.stages if s in {"functional", "perf", "accuracy"})
        table.add_row(
            row.scenario, row.mode, stages, str(len(row.suites)), cells, requests, questions
        )
    console().print(table)


@cli.command(help="Write the JSON Schemas and the generated reference into the configuration.")
def schema(
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


@cli.command(help="Judge a stored run again, against a stored baseline.", epilog=EXIT_CODES)
def gate(
    stored: Annotated[
        Path,
        typer.Argument(metavar="RUN", help="report.json, its directory, or artifacts: the newest."),
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


@cli.command(
    help="Compare two stored runs: B against A, by the gate's rules for measured values.",
    epilog=EXIT_CODES,
)
def compare(
    before: Annotated[
        Path, typer.Argument(metavar="A", help="report.json, its directory, or artifacts.")
    ],
    after: Annotated[Path, typer.Argument(metavar="B", help="The same, for the later run.")],
    config: Annotated[
        Path | None, typer.Option("--config", help="Take thresholds and resets from here.")
    ] = None,
    markdown: Annotated[
        Path | None, typer.Option(help="Append the comparison to this Markdown file.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """两次存盘的运行对照。"""

    def job() -> int:
        """读、判、说。"""
        from rayeval.judging import compare_stored

        return compare_stored(before, after, config, markdown, console(), as_json=as_json)

    leave(job, debug=debug)


cli.command(
    "push",
    help="Push a stored run's metrics to the Pushgateway, or retire a scenario's groups.",
    epilog=EXIT_CODES,
)(cli_stored.push)


cli.command(
    "export",
    help="Write a stored run's metrics, CSV files and JUnit XML again.",
    epilog=EXIT_CODES,
)(cli_stored.export)


@cli.command(
    help="Start the embedded OpenAI-compatible service; `rayeval mock --help` lists its flags.",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def mock(context: typer.Context) -> None:
    """内置服务；参数原样交给它。"""
    from rayeval.mock.__main__ import main as serve

    raise typer.Exit(serve(context.args))


cli.command("cleanup", help=cli_cleanup.HELP, epilog=EXIT_CODES)(cli_cleanup.cleanup)


def main() -> None:
    """控制台入口。"""
    cli()


if __name__ == "__main__":
    main()
