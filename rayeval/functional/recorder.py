"""用例手里的客户端：替场景说话，每次往返都留痕，服务不行时抛 ServiceTrouble。"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx

from rayeval.client.assemble import from_body, from_chunks
from rayeval.client.openai import OpenAIClient, Stream
from rayeval.domain.functional import Evidence
from rayeval.domain.scenario import Scenario
from rayeval.functional.exchange import (
    CaseTimeout,
    Exchange,
    Json,
    ServiceGone,
    ServiceTrouble,
    trim,
)

SHORT = 16
_ANSWER, _ANSWER_IF_IT_THINKS, _ANSWER_AFTER_THINKING = 256, 1024, 2048
_MOST_EVIDENCE = 12
MOST_RETRIES = 2
"""一个用例里，传输出错而一个字节也没收到的请求至多重来这么多次；重来了几次写进结果。"""
_PAUSE_S = 0.2


class RecordingClient:
    """一个用例的客户端；`exchanges` 按次序留着它做过的每次往返。

    各方法在服务此刻不行（5xx、401、403、408、425、429、超时、断线、流里的错误事件）时
    抛 ServiceTrouble；其余状态码都是数据，在 Exchange 里。
    """

    def __init__(self, http: OpenAIClient, scenario: Scenario, *, thinks: bool = False) -> None:
        """借用一个已打开的 OpenAIClient；不负责关它。`thinks` 是探测时见它先想后答。"""
        self.http = http
        self.scenario = scenario
        self._thinks = thinks
        self.exchanges: list[Exchange] = []
        self.retries = 0

    @property
    def answer_tokens(self) -> int:
        """够写完一个短答的 max_tokens；会先想一想的模型给得多些。"""
        if self.scenario.features.get("reasoning", False):
            return _ANSWER_AFTER_THINKING
        return _ANSWER_IF_IT_THINKS if self._thinks else _ANSWER

    def chat_body(
        self, messages: str | list[Json], *, max_tokens: int | None = SHORT, **params: Any
    ) -> Json:
        """/chat/completions 的请求体：字符串是一条 user 消息；温度默认 0，总是写明。

        `max_tokens` 用场景的字段名写；为 None 则不写。
        """
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        limit = {} if max_tokens is None else {self.scenario.provider.max_tokens_field: max_tokens}
        return self.http.chat_body(messages, **({"temperature": 0} | limit | params))

    def chat(
        self,
        messages: str | list[Json],
        *,
        stream: bool = False,
        max_tokens: int | None = SHORT,
        **params: Any,
    ) -> Exchange:
        """POST /chat/completions，读到结束。"""
        body = self.chat_body(messages, max_tokens=max_tokens, **params)
        return self.post("/chat/completions", body, stream=stream)

    def complete(
        self,
        prompt: str | list[str],
        *,
        stream: bool = False,
        max_tokens: int = SHORT,
        **params: Any,
    ) -> Exchange:
        """POST /completions，读到结束；这个旧接口的长度字段总是 max_tokens。"""
        body: Json = {"model": self.http.endpoint.model, "prompt": prompt}
        body |= {"max_tokens": max_tokens, "temperature": 0} | params
        return self.post("/completions", body, stream=stream)

    def post(
        self,
        path: str,
        body: object,
        *,
        stream: bool = False,
        leave_after: int | None = None,
        raises: bool = True,
    ) -> Exchange:
        """POST 一个 JSON 体并读到结束。

        `stream` 为真时给体加上 `stream: true` 并逐块收；收到 `leave_after` 块就断开连接。
        `raises` 为假时服务不行也不抛，由读者看 Exchange.trouble。
        """
        if stream and isinstance(body, dict):
            body = body | {"stream": True}

        def read(exchange: Exchange) -> None:
            """照流式与否读完一次。"""
            if stream:
                self._read_stream(exchange, leave_after)
            else:
                self._read_reply(exchange)

        return self._attempt("POST", path, body, read, streamed=stream, raises=raises)

    def get(self, path: str) -> Exchange:
        """GET 一个路径；`root:` 开头的不在 /v1 之下。"""
        return self._attempt("GET", path, None, self._read_reply)

    def evidence(self) -> tuple[Evidence, ...]:
        """全部往返的留痕，去密截短；太多时留最后的。"""
        endpoint = self.http.endpoint

        def clean(text: str) -> str:
            """去密，并去掉写不成 UTF-8 的孤立代理。"""
            return trim(endpoint.redact(text)).encode("utf-8", "replace").decode("utf-8")

        return tuple(
            Evidence(e.method, e.path, clean(e.request), e.status, clean(e.reply))
            for e in (exchange.evidence() for exchange in self.exchanges[-_MOST_EVIDENCE:])
        )

    def strict_broken(self) -> tuple[str, ...]:
        """只有严判才怪罪的违约，不重复。"""
        return tuple(dict.fromkeys(b for e in self.exchanges for b in e.strict_broken))

    def _attempt(
        self,
        method: str,
        path: str,
        body: object,
        read: Callable[[Exchange], None],
        *,
        streamed: bool = False,
        raises: bool = True,
    ) -> Exchange:
        """送一次；传输出错而一个字节也没收到的，在用例的次数之内重来。

        每次都先记后送，半路出事也有痕迹；服务不行时按 `raises` 抛出。
        """
        while True:
            exchange = Exchange(method, path, body, streamed)
            self.exchanges.append(exchange)
            self._guard(exchange, read)
            if not exchange.unanswered or self.retries >= MOST_RETRIES:
                break
            self.retries += 1
            time.sleep(_PAUSE_S * self.retries)
        if raises and exchange.trouble:
            kind = ServiceGone if exchange.unreachable else ServiceTrouble
            raise kind(f"{exchange.trouble}\nsent: {exchange.sent()}")
        return exchange

    def _guard(self, exchange: Exchange, read: Callable[[Exchange], None]) -> None:
        """读；传输上的失败写进 Exchange，用例超时原样抛出。"""
        try:
            read(exchange)
        except httpx.TimeoutException as error:
            exchange.failure = f"{type(error).__name__}: no answer within the case's time limit"
        except httpx.HTTPError as error:
            exchange.failure = f"{type(error).__name__}: {error}"
            transport = isinstance(error, httpx.TransportError)
            exchange.unanswered = transport and exchange.status is None
            exchange.unreachable = isinstance(error, httpx.ConnectError)
        except CaseTimeout as error:
            exchange.failure = str(error)
            raise

    def _read_reply(self, exchange: Exchange) -> None:
        """非流式：一次收齐。"""
        if exchange.method == "GET":
            reply = self.http.get(exchange.path)
        else:
            reply = self.http.post(exchange.path, exchange.request)
        exchange.status, exchange.headers = reply.status, reply.headers
        exchange.text, exchange.body = reply.text, reply.body
        exchange.completion = from_body(reply.body, self.scenario.reasoning.keys)

    def _read_stream(self, exchange: Exchange, leave_after: int | None) -> None:
        """流式：逐块收；中途断掉也留下已到的。"""
        with self.http.streaming(exchange.path, exchange.request) as (stream, chunks):
            exchange.status, exchange.headers = stream.status, stream.headers
            try:
                for count, _ in enumerate(chunks, start=1):
                    if count == leave_after:
                        break
            finally:
                self._keep(exchange, stream)

    def _keep(self, exchange: Exchange, stream: Stream) -> None:
        """把流里到手的并进 Exchange。"""
        exchange.text = "\n".join(stream.raw)
        exchange.chunks, exchange.undecodable = stream.chunks, stream.undecodable
        exchange.done = stream.done
        exchange.body = stream.chunks[0] if len(stream.chunks) == 1 else None
        exchange.completion = from_chunks(stream.chunks, self.scenario.reasoning.keys)
