"""Endpoint → 连到哪、怎样写请求字节；全部在“开始”之前算好。"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from urllib.parse import urlsplit

from rayeval import __version__
from rayeval.domain.load import Share
from rayeval.domain.perf import Backend, PerfSpec, Sampling
from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError
from rayeval.perf.prompts import prompts_of

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


def refuse_proxy(base_url: str, env: Mapping[str, str]) -> None:
    """环境里有会插在到 `base_url` 的路上的代理时抛 UsageError：压测要量的是直达的路。

    小写的变量压过大写的；NO_PROXY 列出的与回环地址不经代理。
    """
    target = parse_target(base_url)
    for name in (f"{'https' if target.tls else 'http'}_proxy", "all_proxy"):
        found = name if name in env else name.upper()
        if env.get(found, "").strip() and not _direct(target, env):
            msg = (
                f"{found} would put a proxy between the load and {target.where}, and a load "
                f"generator measures the direct path: unset {found}, or add {target.host} to "
                "NO_PROXY"
            )
            raise UsageError(msg)


def _direct(target: Target, env: Mapping[str, str]) -> bool:
    """不经代理：回环，或 NO_PROXY 的某一项说到它。"""
    host = target.host.lower().rstrip(".")
    address = _address(host)
    if host == "localhost" or (address is not None and address.is_loopback):
        return True
    entries = env.get("no_proxy", env.get("NO_PROXY", "")).lower()
    return any(_covers(entry, host, target.port) for entry in re.split(r"[,\s]+", entries) if entry)


def _covers(entry: str, host: str, port: int) -> bool:
    """NO_PROXY 的一项是否说到这个主机：`*`、域名及其下级、地址、网段，都可带端口。"""
    name, colon, number = entry.rpartition(":")
    if colon and number.isdigit() and (":" not in name or name.endswith("]")):
        if int(number) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    address = _address(host)
    if address is not None:
        with contextlib.suppress(ValueError):
            return address in ip_network(entry, strict=False)
    entry = entry.removeprefix("*").removeprefix(".")
    return not entry or host == entry or host.endswith(f".{entry}")


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """主机是 IP 地址时的值，是名字时为 None。"""
    try:
        return ip_address(host)
    except ValueError:
        return None


class RequestWriter:
    """写一次 POST 的全部字节；不变的部分只造一次，写一个请求只是拼接。"""

    def __init__(self, share: Share) -> None:
        """按份额的地址、后端与采样参数备好头与体的骨架，备好提示词的各段。"""
        spec, endpoint = share.spec, share.endpoint
        head = _head(parse_target(endpoint.base_url), endpoint, spec)
        self._head = head + b"X-Request-Id: "
        before, after = _skeleton(request_body(endpoint.model, spec, share), spec.backend)
        prompts = prompts_of(share)
        self._middle = prompts.middle
        self._before = before + prompts.lead
        self._after = prompts.tail + after
        self._fixed = len(self._before) + len(self._after)

    def write(self, phase: str, index: int, request_id: str) -> bytes:
        """`phase`（warmup 或 measured）的第 `index` 个请求：头加体。"""
        pieces = self._middle(phase, index)
        length = self._fixed + sum(map(len, pieces))
        line = f"{request_id}\r\nContent-Length: {length}\r\n\r\n".encode("ascii")
        return b"".join([self._head, line, self._before, *pieces, self._after])


def request_body(model: str, spec: PerfSpec, share: Share) -> dict[str, object]:
    """请求体里除提示词以外的一切。采样参数总是明写，不靠服务的默认值。"""
    output = share.cell.output_length
    body: dict[str, object] = {
        "model": model,
        share.max_tokens_field: output,
        **sampling_fields(spec.sampling, output),
        "stream": spec.stream,
    }
    if spec.stream:
        body["stream_options"] = {"include_usage": True}
    return body


def sampling_fields(sampling: Sampling, output_length: int) -> dict[str, object]:
    """采样参数在请求体里的样子；`output_length` 以 token 计。"""
    fields: dict[str, object] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if sampling.top_k is not None:
        fields["top_k"] = sampling.top_k
    if sampling.ignore_eos:
        fields["ignore_eos"] = True
    elif sampling.min_tokens:
        fields["min_tokens"] = output_length
    return fields


def prompt_field(backend: Backend, text: str) -> dict[str, object]:
    """提示词在请求体里的样子。"""
    if backend == "openai-chat":
        return {"messages": [{"role": "user", "content": text}]}
    return {"prompt": text}


def _skeleton(body: dict[str, object], backend: Backend) -> tuple[bytes, bytes]:
    """请求体 → 提示词之前与之后的 JSON；提示词是最后一个字段。"""
    whole = json.dumps(
        {**body, **prompt_field(backend, "")}, ensure_ascii=False, separators=(",", ":")
    ).encode()
    cut = whole.rindex(b'""') + 1
    return whole[:cut], whole[cut:]


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
