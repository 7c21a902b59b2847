"""离场：异常 → 一句话与退出码；信号 → 一次中断；别处都不做这两件事。"""

from __future__ import annotations

import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import typer

from rayeval.errors import CancelledRun, ConfigError, RayevalError
from rayeval.printable import amount
from rayeval.stopping import STOPPING

INTERNAL = 3


def leave(job: Callable[[], int], *, debug: bool) -> NoReturn:
    """做事，以它的退出码离场；异常变成标准错误上的一句话，只有 debug 才给回溯。"""
    try:
        code = job()
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 一切异常都在此变成退出码
        if debug:
            traceback.print_exc()
        code = _told(error)
    raise typer.Exit(code)


def _told(error: BaseException) -> int:
    """说出异常，返回它的退出码。"""
    match error:
        case ConfigError(problems=problems):
            for problem in problems:  # 不加前缀，编辑器才能从 file:line:column 跳过去
                typer.echo(str(problem), err=True)
            count = len(problems)
            typer.echo(f"rayeval: {amount(count, 'problem')} in the files", err=True)
            return error.exit_code
        case RayevalError():
            for line in str(error).splitlines():
                typer.echo(f"rayeval: {line}", err=True)
            return error.exit_code
        case KeyboardInterrupt():
            typer.echo("rayeval: interrupted", err=True)
            return CancelledRun.exit_code
        case BrokenPipeError():  # 读我们的人走了，如 `| head`；同被 SIGPIPE 收走的程序
            sys.stderr.close()
            return 128 + signal.SIGPIPE
        case _:
            words = f"internal error: {type(error).__name__}: {error}; see it with --debug"
            typer.echo(f"rayeval: {words}", err=True)
            return INTERNAL


def catch_signals() -> None:
    """第一次 Ctrl-C 或 SIGTERM 开始收场；再来的只说一句，绝不打断收场。"""
    STOPPING.reset()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        """第一次抛出中断。"""
        STOPPING.heard()
        if STOPPING.times == 1:
            raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
