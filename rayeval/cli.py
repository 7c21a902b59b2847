"""命令行：动词的表；一族动词一个 cli_* 文件，异常经 exits 变成退出码。

帮助里的英文写在这里；重的导入都在各动词的函数里，`--help` 才快。
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

import rayeval
from rayeval import (
    cli_accuracy,
    cli_cleanup,
    cli_config,
    cli_judge,
    cli_run,
    cli_stage,
    cli_stored,
)
from rayeval.cli_options import EXIT_CODES
from rayeval.cli_service import one_service

PURPOSE = "Regression runs for LLM inference services: launch, check, load, score, gate."
cli = typer.Typer(
    name="rayeval",
    help=PURPOSE,
    epilog=EXIT_CODES,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS: tuple[tuple[Callable[..., Any], str], ...] = (
    (cli_run.run, "Measure and judge every scenario that the matrix selects."),
    (
        one_service(cli_stage.add_load_flags(cli_stage.perf)),
        "Load a service that already runs: one perf stage, no YAML; acs-bench's flag names.",
    ),
    (
        one_service(cli_stage.functional),
        "Check a service that already runs: capability probe and suites, no YAML.",
    ),
    (
        one_service(cli_accuracy.accuracy),
        "Score a service that already runs on a benchmark (GPQA's method), no YAML.",
    ),
    (
        cli_config.validate,
        "Check every configuration file; all errors at once, with file:line:column.",
    ),
    (cli_config.plan, "Print what a run would do; nothing is started."),
    (
        cli_config.schema,
        "Write the JSON Schemas and the generated reference into the configuration.",
    ),
    (cli_judge.gate, "Judge a stored run again, against a stored baseline."),
    (
        cli_judge.compare,
        "Compare two stored runs: B against A, by the gate's rules for measured values.",
    ),
    (cli_stored.report, "Write a stored run's page and summary again; --open shows the page."),
    (
        cli_stored.push,
        "Push a stored run's metrics to the Pushgateway, or retire a scenario's groups.",
    ),
    (cli_stored.export, "Write a stored run's metrics, CSV files and JUnit XML again."),
    (cli_cleanup.cleanup, cli_cleanup.HELP),
)
"""动词与它在帮助里的一句话，按帮助里的次序；名字就是函数名。"""

for _verb, _help in VERBS:
    cli.command(_verb.__name__, help=_help, epilog=EXIT_CODES)(_verb)


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


def main() -> None:
    """控制台入口。"""
    cli()


if __name__ == "__main__":
    main()
