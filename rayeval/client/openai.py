"""OpenAI 接口的同步客户端：一次请求一次往返，回复归一成 Reply。"""

from __future__ import annotations

import json
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from rayeval.client.sse import SSEParser
from rayeval.domain.service import Endpoint

Json = dict[str, Any]
MAX_BODY = 256 * 1024 * 1024
"""一个非流式回复至多这么大，字节：一个坏掉的服务不该填满我们的内存。"""


def parse(text: str) -> Any:
    """JSON 文本 → 值；不是 JSON（或嵌套深得解析不动）时为 None。"""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def explain(body: Any, text: str) -> str:
    """错误体里的话，不论服务用哪种形状写：OpenAI、FastAPI detail、字符串、纯文本。"""
    if isinstance(body, dict):
        for key in ("error", "detail", "message"):
            value = body.get(key)
            if isinstance(value, dict):
                value = value.get("message") or value.get("detail") or value
            if value:
                return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text


@dataclass(frozen=True, slots=True)
class Reply:
    """一次非流式往返：状态码、正文文本、能解析时的 JSON、头、秒数。"""

    status: int
    text: str
    body: Any
    headers: Mapping[str, str]
    seconds: float

    @property
    def ok(self) -> bool:
        """状态码是 2xx。"""
        return 200 <= self.status < 300  # noqa: PLR2004 HTTP 定义

    @property
    def error_message(self) -> str:
        """错误体里的话，不论服务用哪种形状写：OpenAI、FastAPI detail、字符串、纯文本。"""
        return explain(self.body, self.text)


@dataclass(slots=True)
class Stream:
    """一次流式往返的全部：逐块的 JSON、原文、是否见到 [DONE]。

    `chunks` 中解析不了的数据不在内，见 `undecodable`。服务没有按 SSE 回答时
    （状态不是 2xx，或 Content-Type 是 JSON），正文整个是 `raw` 的唯一一条。
    """

    status: int
    headers: Mapping[str, str]
    chunks: list[Json] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    undecodable: list[str] = field(default_factory=list)
    done: bool = False
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        """状态码是 2xx。"""
        return 200 <= self.status < 300  # noqa: PLR2004 HTTP 定义

    def take(self, data: str) -> Json | None:
        """收下一条事件数据；是 JSON 对象时返回它。"""
        self.raw.append(data)
        if data.strip() == "[DONE]":
            self.done = True
            return None
        chunk = parse(data)
        if not isinstance(chunk, dict):
            self.undecodable.append(data)
            return None
        self.chunks.append(chunk)
        return chunk


class OpenAIClient:
    """对一个 Endpoint 说话；线程安全；不重试。

    传输错误原样抛出 httpx.HTTPError；HTTP 错误状态是数据，在 Reply.status 里。
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        timeout_s: float = 60.0,
        connections: int = 64,
        keepalive: bool = True,
        total_s: float | None = None,
    ) -> None:
        """建连接池；不读代理等环境变量。

        有的服务流式之后悄悄关掉留着的连接；不能重试又不能误判的读者用 keepalive=False。
        `timeout_s` 管每一次读；`total_s` 管一整个非流式回复：一点一点挤的服务也到时为止。
        """
        self.endpoint = endpoint
        self._total_s = total_s
        self._http = httpx.Client(
            headers=endpoint.auth_headers(),
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s), pool=None),
            limits=httpx.Limits(
                max_connections=connections,
                max_keepalive_connections=connections if keepalive else 0,
            ),
            trust_env=False,
            verify=trust(endpoint.base_url),
            follow_redirects=False,
        )

    def __enter__(self) -> OpenAIClient:
        """作上下文用。"""
        return self

    def __exit__(self, *exc: object) -> None:
        """关掉连接。"""
        self.close()

    def close(self) -> None:
        """关掉全部连接。"""
        self._http.close()

    def url(self, path: str) -> str:
        """`/v1/...` 之外的路径以 root: 开头，其余接在 base_url 后。"""
        if path.startswith("root:"):
            return self.endpoint.root_url + path.removeprefix("root:")
        return self.endpoint.base_url.rstrip("/") + path

    def get(self, path: str, *, timeout_s: float | None = None) -> Reply:
        """GET 一个路径。"""
        return self._send("GET", path, None, timeout_s)

    def post(
        self,
        path: str,
        body: object,
        *,
        timeout_s: float | None = None,
        headers: Json | None = None,
    ) -> Reply:
        """POST 一个 JSON 体；body 原样序列化，不补 model。"""
        return self._send("POST", path, body, timeout_s, headers)

    def chat(self, messages: list[Json], **params: Any) -> Reply:
        """非流式 /chat/completions；补上 model。"""
        return self.post("/chat/completions", self.chat_body(messages, **params))

    def chat_body(self, messages: list[Json], **params: Any) -> Json:
        """/chat/completions 的请求体。"""
        return {"model": self.endpoint.model, "messages": messages, **params}

    @contextmanager
    def streaming(self, path: str, body: object) -> Iterator[tuple[Stream, Iterator[Json]]]:
        """流式 POST：给出 Stream 与逐块的迭代器；提前离开即断开连接。

        没有按 SSE 回答时正文一次读完，见 Stream；逐块的迭代器为空。
        """
        begin = time.monotonic()
        with self._http.stream("POST", self.url(path), json=body) as response:
            stream = Stream(response.status_code, response.headers)

            def chunks() -> Iterator[Json]:
                """逐块解析到流结束；中途断掉也留下用时。"""
                try:
                    if not stream.ok or "json" in response.headers.get("content-type", ""):
                        stream.take(_decode(response.read()))
                        return
                    for data in _events(response.iter_bytes()):
                        if (chunk := stream.take(data)) is not None:
                            yield chunk
                finally:
                    stream.seconds = time.monotonic() - begin

            yield stream, chunks()

    def stream(self, path: str, body: object) -> Stream:
        """流式 POST 并读到结束。"""
        with self.streaming(path, body) as (stream, chunks):
            for _ in chunks:
                pass
            return stream

    def _send(
        self,
        method: str,
        path: str,
        body: object,
        timeout_s: float | None,
        headers: Json | None = None,
    ) -> Reply:
        """发一次、收一次。"""
        begin = time.monotonic()
        with self._http.stream(
            method,
            self.url(path),
            json=body,
            headers=headers,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout_s is None else timeout_s,
        ) as response:
            text = _decode(self._body(response, begin))
        seconds = time.monotonic() - begin
        return Reply(response.status_code, text, parse(text), response.headers, seconds)

    def _body(self, response: httpx.Response, begin: float) -> bytes:
        """正文读完；过了 `total_s` 还没完抛 httpx.ReadTimeout，大得离谱抛 httpx.ReadError。"""
        content = bytearray()
        for piece in response.iter_bytes():
            content += piece
            if self._total_s is not None and time.monotonic() - begin > self._total_s:
                raise httpx.ReadTimeout(f"no whole reply within {self._total_s:g} s")
            if len(content) > MAX_BODY:
                raise httpx.ReadError(f"a reply of more than {MAX_BODY >> 20} MiB")
        return bytes(content)


def trust(url: str) -> ssl.SSLContext:
    """与压测同一个信任库，也认 SSL_CERT_FILE；明文的服务用不着，读一遍要几十毫秒。"""
    if url.startswith("https:"):
        return ssl.create_default_context()
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _events(pieces: Iterator[bytes]) -> Iterator[str]:
    """字节流 → 各事件的数据，含没有以空行收尾的最后一个。"""
    parser = SSEParser()
    for piece in pieces:
        yield from parser.feed(piece)
    yield from parser.flush()


def _decode(content: bytes) -> str:
    """正文按 UTF-8 解：JSON 只有这一种编码，不信 Content-Type 里写的别的。"""
    return content.decode("utf-8-sig", "replace")
