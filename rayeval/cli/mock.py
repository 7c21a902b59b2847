"""命令行：`rayeval mock`，内置的服务；参数原样交给它自己的 argparse，补全也从那里来。"""

from __future__ import annotations

import inspect
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

HELP = "Start the embedded OpenAI-compatible service; `rayeval mock --help` lists its flags."


class MockCommand(TyperCommand):
    """开关不归 typer 管的命令；补全时才去问 argparse 有哪些。"""

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """以打了的开头的开关。"""
        return list(_stand_in().shell_complete(ctx, incomplete))


def mock(context: typer.Context) -> None:
    """内置服务；参数原样交给它。"""
    from rayeval.cli.examples import EXAMPLES
    from rayeval.mock.__main__ import main as serve

    raise typer.Exit(serve(context.args, examples=EXAMPLES["mock"]))


def _stand_in() -> Any:
    """只为补全造的命令：argparse 的每个开关在它那里也有一个，都可重复。"""
    from rayeval.mock.__main__ import parser

    def nothing(**_: Any) -> None:
        """从不执行。"""

    kind: Any = list[str] | None
    actions = (action for action in parser()._actions if action.option_strings)
    nothing.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [
            inspect.Parameter(
                f"flag_{number}",
                inspect.Parameter.KEYWORD_ONLY,
                default=None,
                annotation=Annotated[kind, typer.Option(*action.option_strings, help=action.help)],
            )
            for number, action in enumerate(actions)
        ]
    )
    app = typer.Typer(add_completion=False)
    app.command()(nothing)
    return typer.main.get_command(app)
