"""路由与一个后端说话的那一端：留着连接再用，回答到一点给一点，断了就明说。"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from http import HTTPStatus
from urllib.parse import urlsplit

import httptools

CONNECT_S = 5.0
_READ = 1 << 16


class BackendLostError(Exception):
    """后端够不着，或中途断了。"""


class Answer:
    """一个回答：头已到；体或一次读完，或一段一段读。"""

    def __init__(self, backend: Backend, line: _Line) -> None:
        """由 Backend 造。"""
        self._backend, self._line = backend, line
        self.status = line.status
        self.kind = line.headers.get("content-type", "application/json")
        self.chunked = "chunked" in line.headers.get("transfer-encoding", "").lower()

    async def pieces(self) -> AsyncIterator[bytes]:
        """体的每一段；提前离开即断开连接。"""
        whole = False
        try:
            while True:
                while self._line.body:
                    yield self._line.body.popleft()
                if self._line.complete:
                    whole = True
                    return
                await self._line.more()
        finally:
            self._backend.release(self._line, reusable=whole)

    async def read(self) -> bytes:
        """整个体。"""
        return b"".join([piece async for piece in self.pieces()])


class Backend:
    """一个实例：地址与闲着的连接。"""

    def __init__(self, url: str) -> None:
        """`url` 是 http://HOST:PORT；不是则抛 ValueError。"""
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
            raise ValueError("write http://HOST:PORT")
        self.url = url
        self._host, self._port = parts.hostname, parts.port or 80
        self._netloc = parts.netloc
        self._idle: list[_Line] = []

    async def ask(
        self, method: str, path: str, headers: list[tuple[str, str]], body: bytes
    ) -> Answer:
        """问一次，等到头为止。留着的连接可能刚被对面关了：那时换一条新的再问。"""
        head = [f"{method} {path} HTTP/1.1", f"host: {self._netloc}"]
        head += [f"{name}: {value}" for name, value in headers]
        if body or method == "POST":
            head.append(f"content-length: {len(body)}")
        data = "\r\n".join([*head, "", ""]).encode("latin-1", "replace") + body
        while self._idle:
            line = self._idle.pop()
            try:
                return Answer(self, await line.ask(data))
            except BackendLostError:
                line.close()
                if line.answered:  # 已经答了一点：不能再问一遍
                    raise
            except BaseException:
                line.close()
                raise
        line = await self._connect()
        try:
            return Answer(self, await line.ask(data))
        except BaseException:
            line.close()
            raise

    def release(self, line: _Line, *, reusable: bool) -> None:
        """用完一条连接。"""
        if reusable and line.keep_alive:
            self._idle.append(line)
        else:
            line.close()

    def close(self) -> None:
        """断开闲着的。"""
        while self._idle:
            self._idle.pop().close()

    async def _connect(self) -> _Line:
        """一条新连接。"""
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(self._host, self._port)
        except (OSError, TimeoutError) as error:
            words = str(error) or "timed out"
            raise BackendLostError(f"{self.url} does not answer: {words}") from None
        return _Line(self.url, reader, writer)


class _Line:
    """一条连接；httptools 把字节切成头与体。"""

    def __init__(
        self, url: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """刚连上。"""
        self._url, self._reader, self._writer = url, reader, writer
        self._reset()

    def _reset(self) -> None:
        """准备下一个回答。"""
        self._parser = httptools.HttpResponseParser(self)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body: deque[bytes] = deque()
        self.complete = False
        self.answered = False
        self.keep_alive = False
        self._head_done = False

    async def ask(self, data: bytes) -> _Line:
        """发一个请求，等到回答的头。"""
        self._reset()
        self._writer.write(data)
        while not self._head_done:
            await self.more()
        return self

    async def more(self) -> None:
        """再读一点；断了抛 BackendLostError。"""
        try:
            await self._writer.drain()
            data = await self._reader.read(_READ)
        except OSError as error:
            raise BackendLostError(f"{self._url} broke the connection: {error}") from None
        if not data:
            raise BackendLostError(f"{self._url} closed the connection before its answer ended")
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise BackendLostError(f"{self._url} does not speak HTTP: {error}") from None

    def close(self) -> None:
        """断开。"""
        self._writer.close()

    def on_header(self, name: bytes, value: bytes) -> None:
        """收一个头。"""
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """头到齐；1xx 不是回答。"""
        self.status = self._parser.get_status_code()
        self._head_done = self.status >= HTTPStatus.OK

    def on_body(self, body: bytes) -> None:
        """收一段体。"""
        self.body.append(body)

    def on_message_complete(self) -> None:
        """回答到齐。"""
        if self._head_done:
            self.complete = True
            self.keep_alive = self._parser.should_keep_alive()
