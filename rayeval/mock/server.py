"""HTTP/1.1 的一端：httptools 切出请求，按序作答；保活、流水线、100-continue、断开即止。"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import cast

import httptools

from rayeval.mock import frames
from rayeval.mock.faults.mischief import Mischief
from rayeval.mock.outlet import Outlet
from rayeval.mock.refusal import Refused

MAX_BODY = 64 << 20


@dataclass(slots=True)
class Request:
    """一个到齐的请求；头名小写；`arrived` 是末字节被读到的时刻，perf_counter 纳秒。"""

    method: str = ""
    path: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    arrived: int = 0
    keep_alive: bool = True
    chunked_reply: bool = True
    refusal: Refused | None = None


class Exchange:
    """一问一答；作答的人经它写头、写体、收场。"""

    def __init__(self, request: Request, connection: Connection) -> None:
        """绑定请求与连接。"""
        self.request = request
        self.on_abort: Callable[[], None] | None = None
        self.streaming = False
        self.faults = Mischief()
        self._connection = connection
        self._held = b""

    def reply(
        self,
        status: int,
        body: bytes,
        kind: str = frames.JSON,
        extra: tuple[str, str] | None = None,
    ) -> None:
        """一次写完的回答。"""
        headers = self._headers(kind, len(body))
        if extra is not None:
            headers.append(extra)
        self._connection.outlet.write(frames.head(status, headers) + body)
        self._connection.finished(self)

    def begin(self, kind: str, length: int | None) -> None:
        """先记住头，与第一段体同一次写出；length 为 None 即分块。"""
        self.streaming = length is None
        self._held = frames.head(HTTPStatus.OK, self._headers(kind, length))

    def write(self, data: bytes) -> None:
        """流式的一段，已经分好块。"""
        self._connection.outlet.write(self._release(self._unwrap(data)))

    def end(self, data: bytes) -> None:
        """末段，随即收场；流式的在此分块并写结束块。"""
        if self.streaming and self.request.chunked_reply:
            data = frames.chunk(data) + frames.LAST_CHUNK
        self._connection.outlet.write(self._release(data))
        self._connection.finished(self)

    def reset(self) -> None:
        """以 RST 断开这条连接；随后照对端离开处置。"""
        self._connection.outlet.reset()

    def abort(self) -> None:
        """对端离开。"""
        if self.on_abort is not None:
            self.on_abort()

    def _release(self, data: bytes) -> bytes:
        """把压着的头放在前面。"""
        held, self._held = self._held, b""
        return held + data if held else data

    def _unwrap(self, data: bytes) -> bytes:
        """HTTP/1.0 的对端不懂分块，去掉它。"""
        if self.request.chunked_reply:
            return data
        return data[data.index(b"\r\n") + 2 : -2]

    def _headers(self, kind: str, length: int | None) -> list[tuple[str, str]]:
        """每个回答都有的头。"""
        headers = [("content-type", kind)]
        if length is not None:
            headers.append(("content-length", str(length)))
        elif self.request.chunked_reply:
            headers.append(("transfer-encoding", "chunked"))
        if kind == frames.EVENT_STREAM:
            headers.append(("cache-control", "no-cache"))
        if request_id := self.request.headers.get("x-request-id"):
            headers.append(("x-request-id", request_id))
        if not self.request.keep_alive:
            headers.append(("connection", "close"))
        return headers


class Connection(asyncio.Protocol):
    """一条连接；同时只答一个请求，后到的排队。"""

    outlet: Outlet

    def __init__(
        self,
        handle: Callable[[Exchange], None],
        opened: Callable[[int], None],
    ) -> None:
        """`handle` 作答；`opened` 在开（+1）与关（-1）时被叫。"""
        self._handle = handle
        self._opened = opened
        self._parser = httptools.HttpRequestParser(self)
        self._queue: deque[Request] = deque()
        self._active: Exchange | None = None
        self._pumping = False
        self._closing = False
        self._request = Request()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """连上了。"""
        self.outlet = Outlet(cast(asyncio.Transport, transport))
        self._opened(1)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 接口如此
        """断了：正在答的中止，排队的作废。"""
        self._opened(-1)
        self._closing = True
        self._queue.clear()
        if self._active is not None:
            self._active.abort()
            self._active = None

    def data_received(self, data: bytes) -> None:
        """喂给解析器；不成 HTTP 的答 400 并关闭。"""
        self._arrived = time.perf_counter_ns()
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._request.keep_alive = False
        except httptools.HttpParserError as error:
            self._garbled(str(error))
            return
        self._pump()

    def finished(self, exchange: Exchange) -> None:
        """一个请求答完：关闭，或轮到下一个。"""
        self._active = None
        if not exchange.request.keep_alive or self._closing:
            self._closing = True
            self._queue.clear()
            self.outlet.close()
            return
        if self._queue:
            # 排队的时间是客户端自找的，节拍从轮到它算起
            self._queue[0].arrived = time.perf_counter_ns()
        self._pump()

    def on_message_begin(self) -> None:
        """新请求开始。"""
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        """收路径；很长的会分几次来。"""
        self._request.path += url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        """收一个头；同名的以逗号相连。"""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = self._request.headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """头到齐；在等许可的客户端给它许可（前面没有未答完的才能插话）。"""
        request = self._request
        request.method = self._parser.get_method().decode("latin-1")
        request.chunked_reply = self._parser.get_http_version() != "1.0"
        expect = request.headers.get("expect", "").lower()
        if expect == "100-continue" and self._active is None and not self._queue:
            self.outlet.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """收体；过大的不再攒。"""
        request = self._request
        if len(request.body) + len(body) > MAX_BODY:
            request.refusal = Refused(
                f"request body is larger than {MAX_BODY} bytes; send a shorter prompt",
                status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            )
            return
        request.body += body

    def on_message_complete(self) -> None:
        """请求到齐，排队。"""
        request = self._request
        request.arrived = self._arrived
        request.keep_alive = request.keep_alive and self._parser.should_keep_alive()
        self._queue.append(request)

    def _pump(self) -> None:
        """依次作答；当场答完的接着下一个，不递归。"""
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._queue and self._active is None and not self._closing:
                self._active = exchange = Exchange(self._queue.popleft(), self)
                self._handle(exchange)
        finally:
            self._pumping = False

    def _garbled(self, reason: str) -> None:
        """不成 HTTP：没有在答的才好回一句，然后关闭。"""
        self._closing = True
        if self._active is None:
            body = frames.dumps(Refused(f"malformed HTTP request: {reason}").body())
            headers = [("content-type", frames.JSON), ("content-length", str(len(body)))]
            head = frames.head(HTTPStatus.BAD_REQUEST, [*headers, ("connection", "close")])
            self.outlet.write(head + body)
        self.outlet.close()
