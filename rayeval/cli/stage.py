"""命令行：一个阶段对一个地址；压测的开关由 perf_flags 的表接到命令的签名上。"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rayeval.cli import words
from rayeval.cli.options import JUDGING
from rayeval.cli.service import Asked
from rayeval.perf_flags import FLAGS, Flag

CASES, PACE = "Cases", "Pace"


def perf(asked: Asked, **load: Any) -> int:
    """压一个已在跑的服务；`load` 是 FLAGS 里的开关。先看开关，再导入重的东西，然后跑。"""
    from rayeval.perf_profile import perf_spec

    spec = perf_spec(load)
    from rayeval.one_stage import perf_job

    return perf_job(asked.service(), spec, asked.manner("perf"), asked.baseline, asked.console())


def functional(
    asked: Asked,
    *,
    suite: Annotated[
        list[str] | None,
        typer.Option(
            "--suite",
            "-s",
            help="Only this suite; repeatable.",
            rich_help_panel=CASES,
            autocompletion=words.suites,
        ),
    ] = None,
    select: Annotated[
        str | None,
        typer.Option(
            "-k", metavar="EXPR", help="pytest -k; turns the probe off.", rich_help_panel=CASES
        ),
    ] = None,
    path: Annotated[
        list[Path] | None,
        typer.Option(help="Your own pytest file or folder; repeatable.", rich_help_panel=CASES),
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME: must work; NAME=false: is not tried; repeatable.",
            rich_help_panel=CASES,
            autocompletion=words.features,
        ),
    ] = None,
    profile: Annotated[
        Path | None,
        typer.Option(help="A tests/functional/*.yaml; flags win over it.", rich_help_panel=CASES),
    ] = None,
    verdict: Annotated[
        str,
        typer.Option(
            metavar="compat|strict",
            help="Which verdict decides the exit code.",
            rich_help_panel=JUDGING,
            autocompletion=words.choose("compat", "strict"),
        ),
    ] = "compat",
    probe: Annotated[
        bool | None,
        typer.Option(
            "--probe/--no-probe", help="Capability probe; default: on.", rich_help_panel=CASES
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, help="Suites at a time; default 2.", rich_help_panel=PACE),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", "-c", min=1, help="Cases at a time; default 4.", rich_help_panel=PACE
        ),
    ] = None,
    case_timeout: Annotated[
        float | None,
        typer.Option(min=0.1, help="Limit of a case, seconds; default 120.", rich_help_panel=PACE),
    ] = None,
) -> int:
    """功能测试一个已在跑的服务。先看开关，再导入重的东西，然后跑。"""
    from rayeval.domain.verdict import GateSpec
    from rayeval.errors import UsageError
    from rayeval.functional_flags import Chosen, declared_features, functional_spec

    if verdict not in {"compat", "strict"}:
        raise UsageError(f"--verdict {verdict!r}: write compat or strict")
    spec = functional_spec(
        Chosen(
            profile=profile,
            suites=suite or (),
            paths=path or (),
            select=select,
            workers=workers,
            concurrency=concurrency,
            case_timeout_s=case_timeout,
            probe=probe,
        )
    )
    features = declared_features(feature or ())
    from rayeval.one_stage import functional_job

    missing = "ignore" if asked.baseline is None else "warn"
    gate = GateSpec.model_validate({"functional": verdict, "missing_baseline": missing})
    return functional_job(
        asked.service(),
        features,
        spec,
        asked.manner("functional"),
        gate=gate,
        baseline=asked.baseline,
        console=asked.console(),
    )


def add_load_flags(command: Callable[..., int]) -> Callable[..., int]:
    """把 FLAGS 接到命令的签名上，替下 `**load`；typer 按签名造选项。返回同一个函数。"""
    own = inspect.signature(command, eval_str=True)
    named = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    signature = own.replace(parameters=[*named, *map(_parameter, FLAGS)])
    command.__signature__ = signature  # type: ignore[attr-defined]
    return command


def _parameter(flag: Flag) -> inspect.Parameter:
    """一个开关 → 一个参数。没给时是 None，缺省由 perf_profile 补：给没给要分得清。"""
    kind: Any = list[str] | None if flag.many else str | None if flag.metavar else bool | None
    option = typer.Option(
        *flag.names,
        help=flag.help + (rf" \[default: {flag.usual}]" if flag.usual else ""),
        metavar=flag.metavar or None,
        show_default=False,  # 交给 typer 的原文会写成 (1)
        rich_help_panel=flag.panel,
        autocompletion=words.listed(flag.metavar or ""),
    )
    annotation = Annotated[kind, option]
    return inspect.Parameter(
        flag.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )
