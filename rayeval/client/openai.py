"""OpenAI 接口的同步客户端：一次请求一次往返，回复归一成 Reply。"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from rayeval.client.sse import SSEParser
from rayeval.domain.service import Endpoint

Json = dict[str, Any]


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
        """2xx。"""
        return 200 <= self.status < 300  # noqa: PLR2004 HTTP 定义

    @property
    def error_message(self) -> str:
        """错误体里的话，不论服务用哪种形状写：OpenAI、FastAPI detail、字符串、纯文本。"""
        body = self.body
        if isinstance(body, dict):
            for key in ("error", "detail", "message"):
                value = body.get(key)
                if isinstance(value, dict):
                    value = value.get("message") or value.get("detail")
                if value:
                    return (
                        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                    )
        return self.text[:500]


@dataclass(slots=True)
class Stream:
    """一次流式往返的全部：逐块的 JSON、原文、是否见到 [DONE]。

    `chunks` 中解析不了的数据不在内，见 `undecodable`。
    """

    status: int
    headers: Mapping[str, str]
    chunks: list[Json] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    undecodable: list[str] = field(default_factory=list)
    done: bool = False
    seconds: float = 0.0

    def take(self, data: str) -> Json | None:
        """收下一条事件数据；是 JSON 对象时返回它。"""
        self.raw.append(data)
        if data.strip() == "[DONE]":
            self.done = True
            return None
        try:
            chunk = json.loads(data)
        except ValueError:
            self.undecodable.append(data)
            return None
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
        self, endpoint: Endpoint, *, timeout_s: float = 60.0, connections: int = 64
    ) -> None:
        """建连接池；不读代理等环境变量。"""
        self.endpoint = endpoint
        self._http = httpx.Client(
            headers=endpoint.auth_headers(),
            timeout=httpx.Timeout(timeout_s, connect=min(10.0, timeout_s), pool=None),
            limits=httpx.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=False,
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

        状态不是 2xx 时正文一次读完，作为 raw 的唯一一条。
        """
        begin = time.monotonic()
        with self._http.stream("POST", self.url(path), json=body) as response:
            stream = Stream(response.status_code, response.headers)

            def chunks() -> Iterator[Json]:
                """逐块解析到流结束。"""
                if not response.is_success:
                    response.read()
                    stream.take(response.text)
                    return
                parser = SSEParser()
                for piece in response.iter_bytes():
                    for data in parser.feed(piece):
                        if (chunk := stream.take(data)) is not None:
                            yield chunk
                for data in parser.flush():
                    if (chunk := stream.take(data)) is not None:
                        yield chunk
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
        response = self._http.request(
            method,
            self.url(path),
            json=body,
            headers=headers,
            timeout=httpx.USE_CLIENT_DEFAULT if timeout_s is None else timeout_s,
        )
        text = response.text
        try:
            parsed = json.loads(text)
        except ValueError:
            parsed = None
        return Reply(response.status_code, text, parsed, response.headers, time.monotonic() - begin)
