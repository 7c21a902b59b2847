"""推送的去处（PushSpec）：Pushgateway 在哪、凭什么进、等多久。"""

from __future__ import annotations

from base64 import b64encode
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from rayeval.domain.model import Model


class PushSpec(Model):
    """指标推到哪里、以什么名字；没有 `url` 就不推。

    URL 里写的用户名与密码在收下时就挪进 `username` 与 `password`：URL 会写进日志与产物。
    """

    url: str | None = Field(
        default=None,
        description="Pushgateway, like http://pushgateway:9091; PROM_PUSHGATEWAY_URL when null",
    )
    username: str | None = Field(
        default=None, description="basic auth; PROM_PUSHGATEWAY_USERNAME when null"
    )
    password: SecretStr | None = Field(
        default=None, description="basic auth; PROM_PUSHGATEWAY_PASSWORD when null"
    )
    token: SecretStr | None = Field(
        default=None, description="sent as Bearer token; PROM_PUSHGATEWAY_TOKEN when null"
    )
    run_types: tuple[str, ...] = Field(
        default=("daily",), description="runs that are pushed without being asked to"
    )
    required: bool = Field(
        default=False, description="a push that fails makes the run exit with 3 instead of 0"
    )
    job: str = Field(default="rayeval", min_length=1, description="job label of every series")
    prefix: str = Field(
        default="",
        pattern=r"^([a-zA-Z_][a-zA-Z0-9_]*)?$",
        description="put before every metric name; may be empty",
    )
    proxy: SecretStr | None = Field(
        default=None,
        description="HTTP proxy URL; HTTP_PROXY, HTTPS_PROXY and NO_PROXY when null",
    )
    ca_file: str | None = Field(
        default=None,
        description="PEM file of the authority that signed the gateway's certificate",
    )
    client_cert: str | None = Field(
        default=None, description="PEM file with the certificate and key shown to the gateway"
    )
    verify: bool = Field(default=True, description="check the gateway's TLS certificate")
    timeout_s: float = Field(default=10.0, gt=0, description="limit of one try, seconds")
    attempts: int = Field(
        default=5, ge=1, description="tries of one push on 429, 5xx and transport errors"
    )
    give_up_s: float = Field(default=60.0, gt=0, description="limit of a whole push, seconds")

    @model_validator(mode="before")
    @classmethod
    def _split_user_info(cls, data: Any) -> Any:
        """URL 里的用户名与密码挪出来；另外写明的优先。"""
        url = data.get("url") if isinstance(data, dict) else None
        if not isinstance(url, str) or "@" not in url:
            return data
        scheme, separator, rest = url.rpartition("://")
        place, slash, path = rest.partition("/")
        user_info, _, host = place.rpartition("@")
        name, _, password = user_info.partition(":")
        moved = {"username": unquote(name) or None, "password": unquote(password) or None}
        stated = {key: value for key, value in data.items() if value is not None}
        return {**moved, **stated, "url": f"{scheme}{separator}{host}{slash}{path}"}

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str | None) -> str | None:
        """补上 http://，去掉末尾的斜杠与 /metrics；查询串里容不下密钥，不接受。"""
        if url is None or not url.strip():
            return None
        url = url.strip()
        url = url if "://" in url else f"http://{url}"
        parts = urlsplit(url)
        if not _is_http(parts):
            msg = "write the Pushgateway as http://HOST:PORT or https://HOST:PORT"
            raise ValueError(msg)
        if parts.query or parts.fragment:
            msg = "the Pushgateway's URL takes no ? and no #; give a token as push.token"
            raise ValueError(msg)
        path = parts.path.rstrip("/").removesuffix("/metrics").rstrip("/")
        return f"{parts.scheme}://{parts.netloc}{path}"

    @field_validator("proxy")
    @classmethod
    def _proxy_url(cls, proxy: SecretStr | None) -> SecretStr | None:
        """代理得是一个 URL；错误里不带它的值。"""
        if proxy is None or not proxy.get_secret_value().strip():
            return None
        if not _is_http(urlsplit(proxy.get_secret_value())):
            msg = "write the proxy as http://HOST:PORT"
            raise ValueError(msg)
        return proxy

    def with_environment(self, env: dict[str, str]) -> PushSpec:
        """没有写明的地址与凭证取自 PROM_PUSHGATEWAY_* 环境变量；URL 不成立抛 ValueError。

        地址来自环境时，凭证也只从环境取没写明的：两处各写一半同样可以。
        """
        names = {"url": "URL", "username": "USERNAME", "password": "PASSWORD", "token": "TOKEN"}
        stated = {name: getattr(self, name) for name in type(self).model_fields}
        found = {
            field: env.get(f"PROM_PUSHGATEWAY_{name}", "").strip() or None
            for field, name in names.items()
            if stated[field] is None
        }
        return PushSpec.model_validate({**stated, **found})

    @property
    def secrets(self) -> tuple[str, ...]:
        """绝不能出现在任何输出里的明文：密码、令牌，与它们在请求头里的样子；长的在前。"""
        found = [secret.get_secret_value() for secret in (self.token, self.proxy) if secret]
        pairs = [(self.username or "", self.password.get_secret_value() if self.password else "")]
        if self.proxy is not None:
            parts = urlsplit(self.proxy.get_secret_value())
            pairs.append((unquote(parts.username or ""), unquote(parts.password or "")))
        for name, password in pairs:
            if password:
                found += [password, b64encode(f"{name}:{password}".encode()).decode()]
        return tuple(sorted(filter(None, found), key=len, reverse=True))


def _is_http(parts: SplitResult) -> bool:
    """有主机、端口写得对的 http 或 https 地址。"""
    try:
        _ = parts.port  # 取它时才查：不是数、太大，都抛 ValueError
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and bool(parts.hostname)
