"""命令行：只压、只测、只考一个地址的几个动词共有的开关，签名里只写一次。"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rayeval.cli import words
from rayeval.cli.options import JUDGING, OUTPUT, WHERE, Artifacts, Debug, Plain, Quiet, Ship
from rayeval.cli.results import TABLE, Format, check_format, delivery, voice
from rayeval.exits import catch_signals, leave

if TYPE_CHECKING:
    from rich.console import Console

    from rayeval.app import Manner
    from rayeval.one_service import ServiceFlags

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
    str,
    typer.Option(
        help="inline: without Ray; local, auto or HOST:PORT: on Ray.",
        rich_help_panel=WHERE,
        autocompletion=words.addresses,
    ),
]
ScenarioName = Annotated[
    str | None,
    typer.Option(
        "--scenario",
        help="Name in files and baselines; default: the model.",
        rich_help_panel=OUTPUT,
    ),
]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json", help="Progress, then the outcome, as JSON lines.", rich_help_panel=OUTPUT
    ),
]
Baseline = Annotated[
    Path | None,
    typer.Option(help="Stored report to judge against; without: no gate.", rich_help_panel=JUDGING),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """哪个服务、在哪里跑、说多少话：几个动词共有的开关。"""

    url: Url = None
    model: Model = None
    provider: ProviderId = None
    providers: Providers = None
    api_key: ApiKey = None
    header: Headers = None
    ready_timeout: ReadyTimeout = 60.0
    address: Address = "inline"
    ship: Ship = "installed"
    scenario: ScenarioName = None
    artifacts: Artifacts = Path("artifacts")
    baseline: Baseline = None
    form: Format = TABLE
    quiet: Quiet = False
    as_json: JsonLines = False
    plain: Plain = False
    debug: Debug = False

    def service(self) -> ServiceFlags:
        """哪个服务。"""
        from pydantic import SecretStr

        from rayeval.one_service import ServiceFlags

        return ServiceFlags(
            url=self.url,
            model=self.model,
            provider=self.provider,
            providers=self.providers,
            api_key=SecretStr(self.api_key) if self.api_key else None,
            headers=tuple(self.header or ()),
            name=self.scenario,
            ready_timeout_s=self.ready_timeout,
        )

    def manner(self, stage: str) -> Manner:
        """在哪里跑、说多少话、`stage` 的结果到哪里去；--format 写错抛 UsageError。"""
        check_format(self.form)
        from rayeval.app import Manner

        return Manner(
            self.address,
            self.artifacts,
            ship=self.ship,
            quiet=self.quiet,
            as_json=self.as_json,
            plain=self.plain,
            deliver=delivery(self.form, stage),
        )

    def console(self) -> Console:
        """进度与表说在哪里。"""
        return voice(self.form, quiet=self.quiet)


def one_service(command: Callable[..., int]) -> Callable[..., None]:
    """`command(asked, **自己的开关) → 退出码` 变成 typer 的命令：签名里添上 Asked 的开关。

    先接住信号再跑；错误与退出码由 `leave` 收场。
    """
    shared = inspect.signature(Asked, eval_str=True).parameters
    _, *own = inspect.signature(command, eval_str=True).parameters.values()

    def wrapper(**values: Any) -> None:
        """把共有的开关收成 Asked。"""
        asked = Asked(**{name: values.pop(name) for name in shared})

        def job() -> int:
            """接住信号，然后跑。"""
            catch_signals()
            return command(asked, **values)

        leave(job, debug=asked.debug)

    wrapper.__name__, wrapper.__doc__ = command.__name__, command.__doc__
    both = [*own, *shared.values()]
    wrapper.__signature__ = inspect.Signature(both)  # type: ignore[attr-defined]
    return wrapper
