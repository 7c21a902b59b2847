"""命令行：一个阶段对一个地址；压测的开关由 perf_flags 的表接到命令的签名上。"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from rayeval.cli_options import Artifacts, Debug, Json, Quiet, Ship, console
from rayeval.exits import catch_signals, leave
from rayeval.perf_flags import FLAGS, Flag

SERVICE = "Service"

Url = Annotated[
    str | None,
    typer.Argument(metavar="URL", help="Ends in /v1; default: the provider's base_url."),
]
Model = Annotated[
    str | None,
    typer.Option(help="Default: the service's only model.", rich_help_panel=SERVICE),
]
ProviderId = Annotated[
    str | None,
    typer.Option(
        "--provider",
        "-p",
        help="Name in the output; with --providers: which of them. A providers.yaml works too.",
        rich_help_panel=SERVICE,
    ),
]
Providers = Annotated[
    Path | None, typer.Option(help="acs-bench's providers.yaml.", rich_help_panel=SERVICE)
]
ApiKey = Annotated[
    str | None,
    typer.Option(
        help="Default: RAYEVAL_API_KEY, OPENAI_API_KEY; stored and printed nowhere.",
        rich_help_panel=SERVICE,
    ),
]
Headers = Annotated[
    list[str] | None,
    typer.Option("--header", help="'Name: value'; repeatable.", rich_help_panel=SERVICE),
]
ReadyTimeout = Annotated[
    float,
    typer.Option(min=0.1, help="Seconds until two tokens are generated.", rich_help_panel=SERVICE),
]
Address = Annotated[
    str, typer.Option(help="inline: without Ray; local, auto or HOST:PORT: on Ray.")
]
ScenarioName = Annotated[
    str | None, typer.Option("--scenario", help="Name in files and baselines; default: the model.")
]
Baseline = Annotated[
    Path | None, typer.Option(help="Stored report to judge against; without: no gate.")
]


def perf(
    *,
    url: Url = None,
    model: Model = None,
    provider: ProviderId = None,
    providers: Providers = None,
    api_key: ApiKey = None,
    header: Headers = None,
    ready_timeout: ReadyTimeout = 60.0,
    address: Address = "inline",
    ship: Ship = "installed",
    scenario: ScenarioName = None,
    artifacts: Artifacts = Path("artifacts"),
    baseline: Baseline = None,
    quiet: Quiet = False,
    as_json: Json = False,
    debug: Debug = False,
    **load: Any,
) -> None:
    """压一个已在跑的服务；`load` 是 FLAGS 里的开关。"""

    def job() -> int:
        """先看开关，再导入重的东西，然后跑。"""
        catch_signals()
        from rayeval.perf_profile import perf_spec

        spec = perf_spec(load)
        from pydantic import SecretStr

        from rayeval.app import Manner
        from rayeval.one_service import ServiceFlags
        from rayeval.one_stage import perf_job

        service = ServiceFlags(
            url=url,
            model=model,
            provider=provider,
            providers=providers,
            api_key=SecretStr(api_key) if api_key else None,
            headers=tuple(header or ()),
            name=scenario,
            ready_timeout_s=ready_timeout,
        )
        manner = Manner(address, artifacts, ship=ship, quiet=quiet, as_json=as_json)
        return perf_job(service, spec, manner, baseline, console())

    leave(job, debug=debug)


def functional(
    *,
    url: Url = None,
    suite: Annotated[
        list[str] | None, typer.Option("--suite", "-s", help="Only this suite; repeatable.")
    ] = None,
    select: Annotated[
        str | None, typer.Option("-k", metavar="EXPR", help="pytest -k; turns the probe off.")
    ] = None,
    path: Annotated[
        list[Path] | None, typer.Option(help="Your own pytest file or folder; repeatable.")
    ] = None,
    feature: Annotated[
        list[str] | None,
        typer.Option(help="NAME: must work; NAME=false: is not tried; repeatable."),
    ] = None,
    profile: Annotated[
        Path | None, typer.Option(help="A tests/functional/*.yaml; flags win over it.")
    ] = None,
    verdict: Annotated[
        str, typer.Option(metavar="compat|strict", help="Which verdict decides the exit code.")
    ] = "compat",
    probe: Annotated[
        bool | None, typer.Option("--probe/--no-probe", help="Capability probe; default: on.")
    ] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Suites at a time; default 2.")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", "-c", min=1, help="Cases at a time; default 4.")
    ] = None,
    case_timeout: Annotated[
        float | None, typer.Option(min=0.1, help="Limit of one case, seconds; default 120.")
    ] = None,
    model: Model = None,
    provider: ProviderId = None,
    providers: Providers = None,
    api_key: ApiKey = None,
    header: Headers = None,
    ready_timeout: ReadyTimeout = 60.0,
    address: Address = "inline",
    ship: Ship = "installed",
    scenario: ScenarioName = None,
    artifacts: Artifacts = Path("artifacts"),
    quiet: Quiet = False,
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """功能测试一个已在跑的服务。"""

    def job() -> int:
        """先看开关，再导入重的东西，然后跑。"""
        catch_signals()
        from pydantic import SecretStr

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
        from rayeval.app import Manner
        from rayeval.one_service import ServiceFlags
        from rayeval.one_stage import functional_job

        service = ServiceFlags(
            url=url,
            model=model,
            provider=provider,
            providers=providers,
            api_key=SecretStr(api_key) if api_key else None,
            headers=tuple(header or ()),
            name=scenario,
            ready_timeout_s=ready_timeout,
        )
        manner = Manner(address, artifacts, ship=ship, quiet=quiet, as_json=as_json)
        gate = GateSpec(functional=verdict, missing_baseline="ignore")
        return functional_job(service, features, spec, manner, gate=gate, console=console())

    leave(job, debug=debug)


def add_load_flags(command: Callable[..., None]) -> Callable[..., None]:
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
        help=flag.help,
        metavar=flag.metavar or None,
        show_default=(flag.default or False) if flag.metavar else False,
        rich_help_panel=flag.panel,
    )
    annotation = Annotated[kind, option]
    return inspect.Parameter(
        flag.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation
    )
