"""Endpoint → 连到哪、怎样写请求字节；全部在“开始”之前算好。"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import urlsplit

from rayeval import __version__
from rayeval.domain.load import Share
from rayeval.domain.perf import PerfSpec
from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError

_PATHS = {"openai-chat": "/chat/completions", "openai": "/completions"}
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """连到哪：主机（IPv6 不带方括号）、端口、是否 TLS、base_url 里的路径前缀。"""

    host: str
    port: int
    tls: bool
    prefix: str

    @property
    def authority(self) -> str:
        """Host 头的值；默认端口不写。"""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS["https" if self.tls else "http"] else self.where

    @property
    def where(self) -> str:
        """给人看的地址。"""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(base_url: str) -> Target:
    """base_url → Target；不是 http(s) 地址或带了用户名密码时抛 UsageError。"""
    parts = urlsplit(base_url)
    try:
        port = parts.port
    except ValueError as error:
        raise UsageError(f"base_url {parts.hostname!r} has a bad port: {error}") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise UsageError(f"base_url must look like http://host:port/v1, not {base_url[:80]!r}")
    if parts.username or parts.password:
        raise UsageError("base_url carries a user or password; give the key as api_key instead")
    return Target(
        host=parts.hostname,
        port=port or _PORTS[parts.scheme],
        tls=parts.scheme == "https",
        prefix=parts.path.rstrip("/"),
    )


class RequestWriter:
    """把提示词写成一次 POST 的全部字节；不变的部分只造一次。"""

    def __init__(self, share: Share) -> None:
        """按份额的地址、后端与采样参数备好头与体的骨架。"""
        spec, endpoint = share.spec, share.endpoint
        self._chat = spec.backend == "openai-chat"
        self._head = _head(parse_target(endpoint.base_url), endpoint, spec)
        self._body = request_body(endpoint.model, spec, share)

    def write(self, prompt: str, request_id: str) -> bytes:
        """提示词与请求号 → 头加体的字节。"""
        body = dict(self._body)
        if self._chat:
            body["messages"] = [{"role": "user", "content": prompt}]
        else:
            body["prompt"] = prompt
        payload = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        tail = f"X-Request-Id: {request_id}\r\nContent-Length: {len(payload)}\r\n\r\n"
        return self._head + tail.encode("ascii") + payload


def request_body(model: str, spec: PerfSpec, share: Share) -> dict[str, object]:
    """请求体里除提示词以外的一切。采样参数总是明写，不靠服务的默认值。"""
    sampling = spec.sampling
    body: dict[str, object] = {
        "model": model,
        share.max_tokens_field: share.cell.output_length,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stream": spec.stream,
    }
    if sampling.top_k is not None:
        body["top_k"] = sampling.top_k
    if sampling.ignore_eos:
        body["ignore_eos"] = True
    if spec.stream:
        body["stream_options"] = {"include_usage": True}
    return body


def _head(target: Target, endpoint: Endpoint, spec: PerfSpec) -> bytes:
    """请求行与不变的头；提供方的头可以盖掉我们的，含密钥，绝不打印。"""
    fields = {
        "Host": target.authority,
        "User-Agent": f"rayeval/{__version__}",
        "Accept": "text/event-stream" if spec.stream else "application/json",
        "Accept-Encoding": "identity",
        "Content-Type": "application/json",
    }
    ours = {name.lower(): name for name in fields}
    for name, value in endpoint.auth_headers().items():
        if any(mark in name + value for mark in "\r\n\0") or not name.isascii():
            raise UsageError(f"header {name!r} holds a line break or odd characters; mend it")
        fields.pop(ours.get(name.lower(), ""), None)
        fields[name] = value
    lines = [f"POST {target.prefix}{_PATHS[spec.backend]} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items()]
    try:
        return ("\r\n".join(lines) + "\r\n").encode("latin-1")
    except UnicodeEncodeError:
        raise UsageError("a request header or the URL path is not Latin-1; mend it") from None
