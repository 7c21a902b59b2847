"""一个已经在跑的服务：命令行上的地址、密钥、名字 → 场景；不通、不对的当场说清怎么改。"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import httpx
from pydantic import SecretStr

from rayeval.client.openai import OpenAIClient, Reply
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import API_VERSION, Endpoint, ExternalService
from rayeval.errors import ConfigError, NotReadyError, UsageError
from rayeval.perf.target import refuse_proxy

KEY_VARIABLES = ("RAYEVAL_API_KEY", "OPENAI_API_KEY")
PROBE_S = 10.0
"""探一下地址的时限，秒；真正等它就绪是阶梯的事。"""
_NO_ROUTE = {404, 405, 501}
_SCHEMES = {"http", "https"}


@dataclass(frozen=True, slots=True)
class ServiceFlags:
    """点名一个服务的开关；`api_key` 只在请求头里取明文。"""

    url: str | None = None
    model: str | None = None
    provider: str | None = None
    providers: Path | None = None
    api_key: SecretStr | None = None
    headers: tuple[str, ...] = ()
    name: str | None = None
    ready_timeout_s: float = 60.0


def external_scenario(flags: ServiceFlags, env: Mapping[str, str], *, probe: bool) -> Scenario:
    """开关 → 外部服务的场景；没说模型时取服务列出的唯一一个。

    `probe` 先敲一下门：没有人应答抛 NotReadyError，开关与服务对不上抛 UsageError。
    """
    provider = _provider(flags, env)
    url = check_url(flags.url or provider.base_url)
    refuse_proxy(url, env)
    endpoint = Endpoint(
        base_url=url,
        model=flags.model or provider.model_name or "",
        api_key=provider.api_key,
        headers=tuple(sorted(provider.headers.items())),
    )
    model = endpoint.model
    if probe or not model:
        model = _agreed_model(endpoint)
    return Scenario(
        id=flags.name or _label(model),
        mode=Mode.EXTERNAL,
        model=model,
        served_model_name=model,
        provider=provider.model_copy(update={"model_name": None}),
        service=ExternalService(base_url=url, startup_timeout_s=flags.ready_timeout_s),
    )


def check_url(text: str | None) -> str:
    """地址成立则原样（去掉末尾斜杠）返回；否则抛 UsageError，写出改好的样子。"""
    if not text:
        raise UsageError("give the URL of the service, like http://127.0.0.1:8000/v1")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        _ = parts.port
    except ValueError as error:
        raise UsageError(f"URL {text[:80]!r}: {error}; mend it") from None
    if parts.username or parts.password:
        raise UsageError("URL: it carries a user or password; give the key with --api-key")
    mended = _mended(parts.scheme, parts.netloc, parts.path)
    if "://" not in text:
        raise UsageError(f"URL {text!r}: it has no scheme; write {mended}")
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise UsageError(f"URL {text[:80]!r}: expected one like http://127.0.0.1:8000/v1")
    if parts.query or parts.fragment or not API_VERSION.search(parts.path):
        raise UsageError(f"URL {text!r}: it must end in /v1, or another version; write {mended}")
    return text.rstrip("/")


def _mended(scheme: str, host: str, path: str) -> str:
    """多半想写的地址：截到 /v1，没有则补上。"""
    before, found, _ = path.partition("/v1")
    return urlunsplit((scheme, host, (before if found else path.rstrip("/")) + "/v1", "", ""))


def _provider(flags: ServiceFlags, env: Mapping[str, str]) -> Provider:
    """提供方：文件里的，或只有一个名字的；开关给的密钥与头盖过文件里的。"""
    file, name = flags.providers, flags.provider
    if file is None and name and Path(name).suffix in {".yaml", ".yml"}:
        file, name = Path(name), None  # acs-bench 的 -p 就是这份文件
    provider = Provider(id=_label(name or "default")) if file is None else _listed(file, name, env)
    keys = [flags.api_key, provider.api_key]
    keys += [SecretStr(env[variable]) for variable in KEY_VARIABLES if env.get(variable)]
    headers = provider.headers | dict(_header(text) for text in flags.headers)
    key = next((key for key in keys if key is not None), None)
    return provider.model_copy(update={"api_key": key, "headers": headers})


def _listed(file: Path, name: str | None, env: Mapping[str, str]) -> Provider:
    """providers.yaml 里点名的那个；没点名时须只有一个。"""
    from rayeval.config.diagnosis import build, unknown
    from rayeval.config.document import read
    from rayeval.config.schema import ProvidersFile

    if not file.is_file():
        raise UsageError(f"--providers {file}: no such file; name acs-bench's providers.yaml")
    document = read(file, str(file), env)
    value, problems = build(document, ProvidersFile)
    if value is None or document.problems or problems:
        raise ConfigError([*document.problems, *problems])
    known = {provider.id: provider for provider in value.providers}
    if name is None and len(known) == 1:
        return next(iter(known.values()))
    if name is None:
        listed = ", ".join(known) or "none"
        raise UsageError(f"{file} lists {listed}; choose one: --providers {file} --provider ID")
    if name not in known:
        raise UsageError(f"--provider: {unknown('provider', name, known)}")
    return known[name]


def _header(text: str) -> tuple[str, str]:
    """`Name: value` → 一对；值绝不写进报错。"""
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name.strip()):
        raise UsageError("--header: expected 'Name: value'")
    return name.strip(), value.strip()


def _agreed_model(endpoint: Endpoint) -> str:
    """敲一下 /v1/models：应答的服务认得这个模型名；没给名字时取它唯一的一个。"""
    wanted = endpoint.model
    reply = _knock(endpoint)
    if reply.status in {401, 403}:
        raise UsageError(_key_wanted(reply, endpoint))
    entries = _entries(reply.body) if reply.ok else []
    listed = [str(entry["id"]) for entry in entries if entry.get("id")]
    known = {alias for entry in entries for alias in _aliases(entry)}
    if wanted and (not known or wanted in known):
        return wanted
    if wanted:
        listing = ", ".join(sorted(known))
        raise UsageError(f"--model {wanted!r}: the service lists {listing}; name one it lists")
    if len(listed) == 1:
        return listed[0]
    if listed:
        raise UsageError(f"--model: the service lists several; name one of {', '.join(listed)}")
    raise UsageError(_no_listing(reply, endpoint.base_url))


def _no_listing(reply: Reply, url: str) -> str:
    """没说模型，服务也列不出来：没有这条路的，多半是地址错了。"""
    told = f"{url}/models answers {'no model' if reply.ok else reply.status}"
    if reply.status not in _NO_ROUTE:
        return f"--model: {told}; name the model"
    usual = API_VERSION.sub("/v1", url)
    mend = "mend it" if usual == url else f"write {usual}"
    return f"URL {url!r}: {told}; {mend}, or name the model with --model"


def _knock(endpoint: Endpoint) -> Reply:
    """GET /v1/models；没有人应答抛 NotReadyError，说清在哪一步。"""
    where = endpoint.base_url
    mend = "start the service, or mend the URL"
    try:
        with OpenAIClient(endpoint, timeout_s=PROBE_S) as client:
            return client.get("/models")
    except httpx.ConnectError as error:
        message = f"nothing answers at {where} ({_words(error)}); {mend}"
        if "SSL" in str(error):
            message = (
                f"no TLS with {where} ({_words(error)}); write http://, or mend its certificate"
            )
    except httpx.TimeoutException as error:
        if isinstance(error, httpx.ConnectTimeout) and where.startswith("https://"):
            mend = f"if the port speaks plain http, write http://; else {mend}"
        message = f"no answer from {where} within {PROBE_S:.0f} s; {mend}"
    except httpx.HTTPError as error:
        message = f"{where} does not answer in HTTP ({_words(error)}); {mend}"
    raise NotReadyError(endpoint.redact(message))


def _key_wanted(reply: Reply, endpoint: Endpoint) -> str:
    """服务要密钥，或不认给它的那个。"""
    told = f"{endpoint.base_url}/models answers {reply.status}"
    if endpoint.api_key is None:
        return f"--api-key: {told}: the service wants a key; give one, or set {KEY_VARIABLES[0]}"
    return f"--api-key: {told}: the service refuses this key; give another"


def _entries(body: Any) -> list[dict[str, Any]]:
    """模型列表里的各条；形状不对的略过。"""
    data = body.get("data") if isinstance(body, dict) else None
    return [entry for entry in data if isinstance(entry, dict)] if isinstance(data, list) else []


def _aliases(entry: dict[str, Any]) -> list[str]:
    """一条模型认的全部名字。"""
    more = entry.get("aliases")
    names = [entry.get("id"), entry.get("root"), *(more if isinstance(more, list) else [])]
    return [name for name in names if isinstance(name, str)]


def _label(text: str) -> str:
    """写得进文件名与标签的名字：模型路径取最后一截。"""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text.rstrip("/").rpartition("/")[2]).strip("-._")
    return name or "service"


def _words(error: Exception) -> str:
    """异常的第一行话。"""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
