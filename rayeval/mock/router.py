"""预填与解码分离的路由：先让一个预填实例处理提示词（一个词元），再从一个解码实例转来回答。

拓扑是真的：两边各是一个独立的服务，各自收到请求；预填拒绝的（4xx）原样还给客户端，
够不着的答 503 并说是哪一边。生成之外的请求转给第一个解码实例。
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import msgspec

from rayeval.mock import frames
from rayeval.mock.refusal import Refused
from rayeval.mock.relay import Answer, Backend, BackendLostError
from rayeval.mock.server import Connection, Exchange

_log = logging.getLogger(__name__)
_GENERATES = {"/v1/chat/completions", "/v1/completions"}
_HEALTH = {"/health", "/ping"}
_NOT_FOR_PREFILL = ("stream_options", "min_tokens", "ignore_eos", "n", "best_of", "stop")
_decode = msgspec.json.Decoder().decode


class Router:
    """一个路由；`connection()` 为每条连接造一个协议对象。"""

    def __init__(
        self, prefill: Sequence[str], decode: Sequence[str], loop: asyncio.AbstractEventLoop
    ) -> None:
        """`prefill` 与 `decode` 是各实例的地址（http://HOST:PORT）；写坏了抛 ValueError。"""
        self._loop = loop
        self._prefill = [Backend(url) for url in prefill]
        self._decode = [Backend(url) for url in decode]
        self._next_prefill = itertools.cycle(self._prefill)
        self._next_decode = itertools.cycle(self._decode)
        self._tasks: set[asyncio.Task[None]] = set()

    def connection(self) -> Connection:
        """一条新连接的协议对象。"""
        return Connection(self._handle, lambda _: None)

    def close(self) -> None:
        """中止在途的，断开各实例。"""
        for task in list(self._tasks):
            task.cancel()
        for backend in (*self._prefill, *self._decode):
            backend.close()

    def _handle(self, exchange: Exchange) -> None:
        """一个请求一个任务；客户端走了就取消，后端随之知道。"""
        task = self._loop.create_task(self._serve(exchange))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

        def left() -> None:
            """客户端走了。"""
            task.cancel()

        exchange.on_abort = left

    async def _serve(self, exchange: Exchange) -> None:
        """作答；拒绝是答复，后端没了是 503，我们的错是 500。"""
        path = exchange.request.path.partition("?")[0]
        try:
            await self._answer(exchange, path)
        except Refused as refused:
            exchange.reply(int(refused.status), frames.dumps(refused.body()))
        except BackendLostError as error:
            if exchange.streaming:  # 已经开始答了：断掉，不假装答完
                exchange.reset()
                return
            lost = Refused(str(error), status=HTTPStatus.SERVICE_UNAVAILABLE)
            exchange.reply(int(lost.status), frames.dumps(lost.body()))
        except Exception as error:  # noqa: BLE001 路由不能因一个请求而死
            _log.exception("request failed: %s", path)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            broken = Refused(f"internal error: {error!r}", status=status)
            exchange.reply(int(status), frames.dumps(broken.body()))

    async def _answer(self, exchange: Exchange, path: str) -> None:
        """按路径作答；读的时候就不成立的（如太大）照样拒绝。"""
        request = exchange.request
        if request.refusal is not None:
            raise request.refusal
        if path in _HEALTH:
            await self._health(exchange)
        elif path in _GENERATES and request.method == "POST":
            await self._generate(exchange, path)
        else:
            await self._relay(exchange, self._decode[0], bytes(request.body))

    async def _health(self, exchange: Exchange) -> None:
        """每个实例都健康才算健康；不然说是哪些。"""
        backends = [*self._prefill, *self._decode]
        states = await asyncio.gather(*map(_healthy, backends))
        sick = [backend.url for backend, well in zip(backends, states, strict=True) if not well]
        if not sick:
            exchange.reply(HTTPStatus.OK, b"")
            return
        body = {"error": {"message": f"not healthy: {', '.join(sick)}", "code": 503}}
        exchange.reply(HTTPStatus.SERVICE_UNAVAILABLE, frames.dumps(body))

    async def _generate(self, exchange: Exchange, path: str) -> None:
        """先预填，再解码。"""
        body = exchange.request.body
        try:
            value = _decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            value = None
        if isinstance(value, dict):  # 不成样子的交给解码实例去拒绝，话才一样
            prefill = next(self._next_prefill)
            answer = await prefill.ask("POST", path, _headers(exchange), _one_token(value))
            whole = await answer.read()
            if answer.status >= HTTPStatus.BAD_REQUEST:
                exchange.reply(answer.status, whole, answer.kind)
                return
        await self._relay(exchange, next(self._next_decode), bytes(body))

    async def _relay(self, exchange: Exchange, backend: Backend, body: bytes) -> None:
        """把一个后端的回答原样转给客户端，到一点转一点。"""
        request = exchange.request
        answer = await backend.ask(request.method, request.path, _headers(exchange), body)
        if not answer.chunked:
            exchange.reply(answer.status, await answer.read(), answer.kind)
            return
        await _stream(exchange, answer)


async def _stream(exchange: Exchange, answer: Answer) -> None:
    """分块的回答：一块一块转。"""
    exchange.begin(answer.kind, None)
    async for piece in answer.pieces():
        exchange.write(frames.chunk(piece))
    exchange.end(b"")


async def _healthy(backend: Backend) -> bool:
    """一个实例的 /health 是 2xx。"""
    try:
        answer = await backend.ask("GET", "/health", [], b"")
        await answer.read()
    except BackendLostError:
        return False
    return answer.status < HTTPStatus.MULTIPLE_CHOICES


def _one_token(body: dict[str, Any]) -> bytes:
    """给预填实例的请求体：同样的提示词，不流式，只要一个词元。"""
    asked = {name: value for name, value in body.items() if name not in _NOT_FOR_PREFILL}
    limit = "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"
    return frames.dumps({**asked, "stream": False, limit: 1})


def _headers(exchange: Exchange) -> list[tuple[str, str]]:
    """转给后端的头：身份与请求号，其余是两段连接各自的事。"""
    known = exchange.request.headers
    names = ("authorization", "content-type", "x-request-id", "accept")
    return [(name, known[name]) for name in names if name in known]
