"""`python -m rayeval.mock`：读参数、监听、守到被叫停。"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import signal
import sys
from collections.abc import Callable, Sequence

from rayeval.mock.settings import Jitter, Routes, Settings, parse_jitter


def parser(examples: Sequence[str] = ()) -> argparse.ArgumentParser:
    """全部参数，时间以毫秒计；`examples` 写在帮助的末尾。"""
    make = argparse.ArgumentParser(
        prog="rayeval mock",
        description="The embedded OpenAI-compatible service.",
        epilog="\n  ".join(("Examples:", *examples)) if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flag = make.add_argument
    flag("--host", default="127.0.0.1", help="address to listen on")
    flag("--port", type=int, default=8000, help="port to listen on; 0 takes a free one")
    flag("--model", action="append", help="served model name, repeatable (default: mock)")
    flag("--ttft-ms", type=float, default=0.0, help="time to the first token, ms")
    flag("--itl-ms", type=float, default=0.0, help="time between tokens, ms")
    flag("--role-ms", type=float, default=0.0, help="time to the role-only first chunk, ms")
    flag(
        "--jitter",
        type=parse_jitter,
        default=Jitter(),
        help="none, exp, uniform:WIDTH or lognormal:SIGMA; a factor of mean 1 on every gap",
    )
    flag("--late-ms", type=float, default=2.0, help="late P99 beyond which the promise is broken")
    flag("--seed", type=int, default=0, help="seed of answers, choices and jitter")
    flag("--max-model-len", type=int, default=32768, help="context length, tokens")
    flag("--api-key", help="key that /v1 and /tokenize ask for")
    flag("--reasoning", action="store_true", help="think before every answer")
    flag(
        "--reasoning-key",
        choices=("reasoning_content", "reasoning"),
        default="reasoning_content",
        help="field that carries the reasoning",
    )
    flag("--answer-key", metavar="CSV", help="questions with their correct answers (GPQA columns)")
    flag("--accuracy", type=float, default=1.0, help="share of known questions answered right")
    flag("--log", metavar="CSV", help="write when each request really happened")
    flag(
        "--fault",
        action="append",
        type=_fault,
        metavar="NAME[:every=N,after=N,burst=N]",
        help="break the interface in one named way, repeatable; see --list-faults",
    )
    flag(
        "--router",
        action="store_true",
        help="no engine of its own: route each request through --prefill, then --decode",
    )
    flag("--prefill", action="append", metavar="URL", help="a prefill instance; repeatable")
    flag("--decode", action="append", metavar="URL", help="a decode instance; repeatable")
    flag("--list-faults", action="store_true", help="print every fault and its defect, and exit")
    return make


def _fault(text: str) -> str:
    """`--fault` 的值，原样；写错时由 argparse 说给人听。"""
    from rayeval.mock.faults.registry import dose

    try:
        dose(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def main(argv: Sequence[str] | None = None, *, examples: Sequence[str] = ()) -> int:
    """跑到 SIGTERM 或 SIGINT；0 为正常收场，2 为参数或文件不成立，3 为端口占用。"""
    options = parser(examples)
    args = options.parse_args(argv)
    if args.list_faults:
        from rayeval.mock.faults.registry import listing

        print(listing())  # noqa: T201 命令行程序的话
        return 0
    if min(args.ttft_ms, args.itl_ms, args.role_ms) < 0:
        options.error("--ttft-ms, --itl-ms and --role-ms must be at least 0")
    if not 0 <= args.accuracy <= 1:
        options.error("--accuracy must be between 0 and 1")
    routes = _routes(args, options)
    written = {"model", "fault", "list_faults", "router", "prefill", "decode"}
    values = {name: value for name, value in vars(args).items() if name not in written}
    models, faults = tuple(args.model or ["mock"]), tuple(args.fault or ())
    settings = Settings(models=models, faults=faults, routes=routes, **values)
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(serve(settings))


def _routes(args: argparse.Namespace, options: argparse.ArgumentParser) -> Routes | None:
    """路由的两边；不作路由为 None，写得不全由 argparse 说。"""
    if not args.router:
        if args.prefill or args.decode:
            options.error("--prefill and --decode go with --router")
        return None
    if not (args.prefill and args.decode):
        options.error("--router needs at least one --prefill and one --decode")
    return Routes(tuple(map(_root, args.prefill)), tuple(map(_root, args.decode)))


def _root(url: str) -> str:
    """实例的根地址：末尾的 / 与 /v1 可有可无。"""
    return url.rstrip("/").removesuffix("/v1")


async def serve(settings: Settings) -> int:
    """监听并守到被叫停；返回退出码。"""
    if settings.routes is not None:
        return await _route(settings, settings.routes)
    from rayeval.mock.service import Service

    loop = asyncio.get_running_loop()
    try:
        service = Service(settings, loop)
    except (OSError, ValueError) as error:
        _complain(str(error))
        return 2
    try:
        return await _listen(service.connection, settings, _stopping())
    finally:
        service.close()
        if (verdict := service.ledger.verdict()) is not None:
            _complain(verdict)


async def _route(settings: Settings, routes: Routes) -> int:
    """作路由，守到被叫停；返回退出码。"""
    from rayeval.mock.router import Router

    try:
        router = Router(routes.prefill, routes.decode, asyncio.get_running_loop())
    except ValueError as error:
        _complain(f"--prefill, --decode: {error}")
        return 2
    try:
        return await _listen(router.connection, settings, _stopping())
    finally:
        router.close()


def _stopping() -> asyncio.Event:
    """SIGTERM 或 SIGINT 来了就置位。"""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _listen(
    connection: Callable[[], asyncio.Protocol], settings: Settings, stop: asyncio.Event
) -> int:
    """开门、报地址、等待叫停、关门。"""
    loop = asyncio.get_running_loop()
    try:
        server = await loop.create_server(connection, settings.host, settings.port, backlog=4096)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        _complain(f"cannot listen on {where}: {error}; choose another --port")
        return 3
    port = server.sockets[0].getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    # 启动期的对象不再被回收器走查：回收的停顿就是迟到
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    print(f"listening on http://{host}:{port}", flush=True)  # noqa: T201 约定的就绪行
    await stop.wait()
    server.close()
    return 0


def _complain(message: str) -> None:
    """一句话写到 stderr。"""
    print(f"rayeval mock: {message}", file=sys.stderr, flush=True)  # noqa: T201 命令行程序的话


if __name__ == "__main__":
    sys.exit(main())
