"""服务：路由、鉴权、把生成请求变成计划并交给播放；一切状态在这一处。"""

from __future__ import annotations

import asyncio
import hmac
import itertools
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from typing import Any

import msgspec

from rayeval import __version__
from rayeval.mock import frames, tokenizer
from rayeval.mock.call import Call
from rayeval.mock.compose import Composer
from rayeval.mock.faults.mischief import mischief
from rayeval.mock.faults.registry import dose
from rayeval.mock.ledger import Ledger
from rayeval.mock.pacer import Pacer
from rayeval.mock.params import Intake
from rayeval.mock.playback import Playback, Sink
from rayeval.mock.refusal import Refused
from rayeval.mock.server import Connection, Exchange
from rayeval.mock.settings import Settings
from rayeval.mock.truth import Truth, TruthLog

_log = logging.getLogger(__name__)
_GUARDED = ("/v1/", "/tokenize", "/detokenize")
_decode = msgspec.json.Decoder().decode


class Service:
    """一个服务；`connection()` 为每条连接造一个协议对象。"""

    def __init__(self, settings: Settings, loop: asyncio.AbstractEventLoop) -> None:
        """读题库、开真值文件；读不了抛 OSError 或 ValueError。"""
        self.settings = settings
        self.ledger = Ledger(settings)
        self._pacer = Pacer(loop)
        self._truth = TruthLog(settings.log) if settings.log else None
        self._intake = Intake(settings)
        self._composer = Composer(settings)
        self._doses = tuple(dose(text) for text in settings.faults)
        self._serial = itertools.count()
        self._nonce = secrets.token_hex(6)
        self._born = int(time.time())
        self._routes: dict[str, tuple[str, Callable[[Exchange], None]]] = {
            "/health": ("GET", self._health),
            "/ping": ("GET", self._health),
            "/version": ("GET", self._version),
            "/metrics": ("GET", self._metrics),
            "/mock/stats": ("GET", self._stats),
            "/v1/models": ("GET", self._models),
            "/tokenize": ("POST", self._tokenize),
            "/detokenize": ("POST", self._detokenize),
            "/v1/chat/completions": ("POST", self._chat),
            "/v1/completions": ("POST", self._text),
        }

    def connection(self) -> Connection:
        """一条新连接的协议对象。"""
        return Connection(self._handle, self._opened)

    def close(self) -> None:
        """停下节拍，真值落盘。"""
        self._pacer.close()
        if self._truth is not None:
            self._truth.close()

    def _opened(self, change: int) -> None:
        """连接数的增减。"""
        self.ledger.open_connections += change
        self.ledger.connections += max(0, change)

    def _handle(self, exchange: Exchange) -> None:
        """一个请求：路由到人；拒绝是答复，别的异常是我们的错，答 500。"""
        try:
            self._route(exchange)(exchange)
        except Refused as refused:
            self._refuse(exchange, refused)
        except Exception as error:  # noqa: BLE001 服务不能因一个请求而死
            _log.exception("request failed: %s", exchange.request.path)
            status = HTTPStatus.INTERNAL_SERVER_ERROR
            self._refuse(exchange, Refused(f"internal error: {error!r}", status=status))

    def _route(self, exchange: Exchange) -> Callable[[Exchange], None]:
        """找到作答的人；不认识的路径 404，方法不对 405，没有钥匙 401。"""
        request = exchange.request
        if request.refusal is not None:
            raise request.refusal
        path = request.path.partition("?")[0]
        self.ledger.by_path[path if path in self._routes else "other"] += 1
        if path.startswith(_GUARDED):
            self._authorize(request.headers.get("authorization", ""))
        if path not in self._routes:
            raise Refused("Not Found", status=HTTPStatus.NOT_FOUND, kind="Not Found")
        method, handler = self._routes[path]
        if request.method != method:
            status = HTTPStatus.METHOD_NOT_ALLOWED
            raise Refused("Method Not Allowed", status=status, param=method)
        return handler

    def _authorize(self, header: str) -> None:
        """核对钥匙；比较耗时与内容无关，错误里不提它。"""
        key = self.settings.api_key
        if key is None:
            return
        scheme, _, given = header.partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(given.encode(), key.encode()):
            raise Refused("Unauthorized", status=HTTPStatus.UNAUTHORIZED)

    def _refuse(self, exchange: Exchange, refused: Refused) -> None:
        """按 vLLM 的写法拒绝：401 的 error 是一句话，405 带上允许的方法；故障可以另写。"""
        if (written := exchange.faults.written(refused)) is not None:
            self.ledger.by_status[str(written.status)] += 1
            exchange.reply(written.status, written.body, written.kind)
            return
        self.ledger.by_status[str(int(refused.status))] += 1
        extra, body = None, refused.body()
        if refused.status == HTTPStatus.UNAUTHORIZED:
            body = {"error": refused.message}
        if refused.status == HTTPStatus.METHOD_NOT_ALLOWED:
            extra = ("allow", refused.param or "POST")
            body["error"]["param"] = None
        exchange.reply(int(refused.status), frames.dumps(body), extra=extra)

    def _ok(self, exchange: Exchange, value: Any) -> None:
        """200 与一个 JSON。"""
        self.ledger.by_status["200"] += 1
        exchange.reply(HTTPStatus.OK, frames.dumps(value))

    def _health(self, exchange: Exchange) -> None:
        """活着：200，空体。"""
        self.ledger.by_status["200"] += 1
        exchange.reply(HTTPStatus.OK, b"")

    def _version(self, exchange: Exchange) -> None:
        """自报身份。"""
        self._ok(exchange, {"version": __version__, "engine": "rayeval-mock"})

    def _stats(self, exchange: Exchange) -> None:
        """账本。"""
        self._ok(exchange, self.ledger.snapshot())

    def _metrics(self, exchange: Exchange) -> None:
        """Prometheus 文本。"""
        ledger = self.ledger
        page = ledger.metrics.render(
            running=ledger.in_flight, prompt_tokens=ledger.prompt_tokens, tokens=ledger.tokens
        )
        exchange.reply(HTTPStatus.OK, page, "text/plain; version=0.0.4; charset=utf-8")

    def _models(self, exchange: Exchange) -> None:
        """所服务的模型名。"""
        models = [
            {
                "id": name,
                "object": "model",
                "created": self._born,
                "owned_by": "rayeval",
                "root": name,
                "parent": None,
                "max_model_len": self.settings.max_model_len,
            }
            for name in self.settings.models
        ]
        self._ok(exchange, {"object": "list", "data": models})

    def _tokenize(self, exchange: Exchange) -> None:
        """文本或对话 → 词元编号。"""
        tokens = self._intake.tokenize(_object(exchange))
        limit = self.settings.max_model_len
        self._ok(exchange, {"count": len(tokens), "max_model_len": limit, "tokens": tokens})

    def _detokenize(self, exchange: Exchange) -> None:
        """词元编号 → 文本。"""
        tokens = self._intake.token_ids(_object(exchange).get("tokens"), "tokens")
        self._ok(exchange, {"prompt": tokenizer.decode(tokens)})

    def _chat(self, exchange: Exchange) -> None:
        """对话的生成：/v1/chat/completions。"""
        self._generate(exchange, self._intake.chat)

    def _text(self, exchange: Exchange) -> None:
        """续写的生成：/v1/completions。"""
        self._generate(exchange, self._intake.text)

    def _generate(self, exchange: Exchange, read: Callable[[dict[str, Any]], Call]) -> None:
        """一次生成：校验、作答成计划、播放；被拒的也是一次。"""
        seq = next(self._serial)
        self.ledger.begin()
        faults = exchange.faults = mischief(self._doses, seq + 1)
        try:
            plan = faults.planned(
                _object(exchange),
                lambda body: self._composer.compose(read(body), seq, f"{self._nonce}{seq:08x}"),
            )
        except Exception as error:
            self.ledger.end("refused")
            status = error.status if isinstance(error, Refused) else 500
            self._log_refused(exchange, seq, int(status))
            raise
        self.ledger.by_status["200"] += 1
        request = exchange.request
        sink = Sink(exchange.begin, exchange.write, exchange.end)
        sink = faults.sink(sink, plan.call, exchange.reset)

        def done(truth: Truth) -> None:
            """补上序号与请求标识，记下真值。"""
            self._record(replace(truth, seq=seq, request_id=_request_id(exchange)))

        playback = Playback(plan, sink, self.ledger, request.arrived, done)

        def left() -> None:
            """客户端中途走了：停下，故障也知道。"""
            playback.abort()
            faults.left()

        exchange.on_abort = left if faults else playback.abort
        moment = playback.start()
        if moment is not None:
            self._pacer.add(moment, playback)

    def _log_refused(self, exchange: Exchange, seq: int, status: int) -> None:
        """被拒的请求也有真值：没有词元的一行。"""
        arrived, chat = exchange.request.arrived, int("chat" in exchange.request.path)
        now = time.perf_counter_ns()
        row = Truth(seq, _request_id(exchange), arrived, 0, 0, now, 0, status, 0, chat, 0, 0)
        self._record(row)

    def _record(self, truth: Truth) -> None:
        """有真值文件就写一行。"""
        if self._truth is not None:
            self._truth.add(truth)


def _request_id(exchange: Exchange) -> str:
    """客户端给的请求标识；没有为空串。"""
    return exchange.request.headers.get("x-request-id", "")


def _object(exchange: Exchange) -> dict[str, Any]:
    """请求体必须是 JSON 对象。"""
    try:
        body = _decode(exchange.request.body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(f"the request body is not valid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(f"the request body must be a JSON object, got {type(body).__name__}")
    return body
