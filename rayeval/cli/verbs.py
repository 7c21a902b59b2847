"""命令行：动词的表；一族动词一个文件，异常经 exits 变成退出码。

帮助里的英文写在这里；重的导入都在各动词的函数里，`--help` 才快。
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Annotated, Any

import typer

import rayeval
from rayeval.cli import (
    accuracy,
    cleanup,
    configuration,
    doctor,
    judge,
    run,
    stage,
    stored,
)
from rayeval.cli.examples import LOOK, MEASURE, PREPARE, epilog
from rayeval.cli.mock import HELP, MockCommand, mock
from rayeval.cli.options import EXIT_CODES
from rayeval.cli.service import one_service

_STDERR = 2
PURPOSE = "Regression runs for LLM inference services: launch, check, load, score, gate."
cli = typer.Typer(
    name="rayeval",
    help=PURPOSE,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Verb = tuple[Callable[..., Any], str, str]

VERBS: tuple[Verb, ...] = (
    (run.run, MEASURE, "Measure and judge every scenario that the matrix selects."),
    (
        one_service(stage.add_load_flags(stage.perf)),
        MEASURE,
        "Load a service that already runs: one perf stage, no YAML; acs-bench's flag names.",
    ),
    (
        one_service(stage.functional),
        MEASURE,
        "Check a service that already runs: capability probe and suites, no YAML.",
    ),
    (
        one_service(accuracy.accuracy),
        MEASURE,
        "Score a service that already runs on a benchmark (GPQA's method), no YAML.",
    ),
    (judge.gate, LOOK, "Judge a stored run again, against a stored baseline."),
    (
        judge.compare,
        LOOK,
        "Compare two stored runs: B against A, by the gate's rules for measured values.",
    ),
    (
        stored.report,
        LOOK,
        "Write a stored run's page and summary again; --open shows the page.",
    ),
    (stored.export, LOOK, "Write a stored run's metrics, CSV files and JUnit XML again."),
    (
        stored.push,
        LOOK,
        "Push a stored run's metrics to the Pushgateway, or retire a scenario's groups.",
    ),
    (
        doctor.doctor,
        PREPARE,
        "Look at this machine, the cluster, the network and the files before a run; say the mends.",
    ),
    (
        configuration.validate,
        PREPARE,
        "Check every configuration file; all errors at once, with file:line:column.",
    ),
    (configuration.plan, PREPARE, "Print what a run would do; nothing is started."),
    (
        configuration.schema,
        PREPARE,
        "Write the JSON Schemas and the generated reference into the configuration.",
    ),
    (cleanup.cleanup, PREPARE, cleanup.HELP),
)
"""动词、它在帮助里的栏、它的一句话，按帮助里的次序；名字就是函数名。"""

for _verb, _panel, _help in VERBS:
    cli.command(
        _verb.__name__,
        help=_help,
        epilog=epilog(_verb.__name__),
        rich_help_panel=_panel,
    )(_verb)


def _version(wanted: bool) -> None:  # noqa: FBT001 typer 的回调就是这个形状
    """打印版本并退出：报毛病时要写的三个。"""
    if wanted:
        import platform
        from importlib import metadata

        try:
            ray = metadata.version("ray")
        except metadata.PackageNotFoundError:
            ray = "missing"
        python = platform.python_version()
        typer.echo(f"rayeval {rayeval.__version__} (ray {ray}, Python {python})")
        raise typer.Exit


@cli.callback()
def root(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print versions."),
    ] = False,
) -> None:
    """根命令：只挂 --version。"""


cli.command(
    "mock",
    cls=MockCommand,
    help=HELP,
    rich_help_panel=MEASURE,
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)(mock)


def main() -> None:
    """控制台入口。"""
    _occupy()
    cli()


def _occupy() -> None:
    """关着的 0、1、2（`>&-`）先占住：否则下一个打开的文件会是标准输出，谁写都写进去。"""
    while (number := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(number)
