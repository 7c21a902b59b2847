"""被测服务：怎样得到它（ServiceSpec），得到之后怎样找到它（Endpoint）。"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import Field, SecretStr

from rayeval.domain.model import Model

REDACTED = "**********"
SHORTEST_SECRET = 4
"""再短的值不当作秘密去盖：它会盖掉无关的字。"""

API_VERSION = re.compile(r"/v\d+/*$")
"""接口地址的末一段：多半是 /v1，也有 /api/v3、/api/paas/v4。"""


class LocalService(Model):
    """在场景所在节点上作为进程启动的服务。"""

    kind: Literal["local"] = "local"
    command: tuple[str, ...] = Field(
        min_length=1,
        description="argv list; {port}, {host}, {python}, {model} and {config_dir} are filled in",
    )
    env: dict[str, str] = Field(default_factory=dict, description="extra environment variables")
    port: int | None = Field(
        default=None, ge=1, le=65535, description="port to listen on; a free one when absent"
    )
    health_path: str = Field(default="/health", description="path that answers 2xx when healthy")
    startup_timeout_s: float = Field(
        default=1200.0, gt=0, description="budget from launch to two generated tokens, seconds"
    )


class ExternalService(Model):
    """已经在跑的服务：只知道地址。"""

    kind: Literal["external"] = "external"
    base_url: str = Field(description="URL of the interface; ends in /v1")
    health_path: str = Field(default="/health", description="path that answers 2xx when healthy")
    startup_timeout_s: float = Field(
        default=1200.0, gt=0, description="budget until two tokens are generated, seconds"
    )


class Manifest(Model):
    """一份清单：文件在哪（写进报错），写着什么；变量还没有代入。"""

    file: str = Field(description="path of the file, for messages")
    text: str = Field(description="what it says, ${NAME} not yet filled in")


class KubernetesService(Model):
    """由清单部署、经 NodePort 访问的服务。

    清单的文本随场景走：场景可以在任何节点上启动，那里不必有这些文件。
    """

    kind: Literal["kubernetes"] = "kubernetes"
    manifests: tuple[Manifest, ...] = Field(min_length=1, description="what is applied")
    env: dict[str, str] = Field(
        default_factory=dict, description="values of the ${NAME} in the manifests"
    )
    kubeconfig: str | None = Field(
        default=None, description="kubeconfig file; in-cluster if absent"
    )
    context: str | None = Field(default=None, description="context of the kubeconfig")
    namespace: str = Field(default="default", description="namespace that everything lives in")
    service_name: str = Field(description="Kubernetes Service whose NodePort is used")
    port_name: str = Field(default="http", description="name of that Service's port")
    node_port: int | None = Field(default=None, description="NodePort, when it can't be resolved")
    node_host: str | None = Field(
        default=None, description="node address, when not to be looked up"
    )
    unschedulable_s: float = Field(
        default=300.0, ge=0, description="how long a Pod may find no node, seconds"
    )
    health_path: str = Field(default="/health", description="path that answers 2xx when healthy")
    startup_timeout_s: float = Field(default=1200.0, gt=0, description="budget to ready, seconds")


ServiceSpec = Annotated[
    LocalService | ExternalService | KubernetesService, Field(discriminator="kind")
]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """一个可以发请求的服务地址。

    `base_url` 以 /v1 结尾、不带末尾斜杠；`model` 是请求里写的名字；
    `api_key` 只在发请求时取明文；`headers` 是提供方要求的额外头。
    """

    base_url: str
    model: str
    api_key: SecretStr | None = None
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    node: str | None = field(default=None)

    @property
    def root_url(self) -> str:
        """去掉末尾 /v1（或 /v3 之类）的地址，/health、/metrics、/tokenize 挂在这里。"""
        parts = urlsplit(self.base_url)
        path = API_VERSION.sub("", parts.path)
        return urlunsplit((parts.scheme, parts.netloc, path, "", ""))

    def redact(self, text: str) -> str:
        """盖住服务回显的密钥与额外头的值：它们会出现在报错与回复里，而那些都进产物。"""
        secrets = [value for _, value in self.headers]
        if self.api_key is not None:
            secrets.append(self.api_key.get_secret_value())
        for secret in sorted(secrets, key=len, reverse=True):
            if len(secret) >= SHORTEST_SECRET:
                text = text.replace(secret, REDACTED)
        return text

    def auth_headers(self) -> dict[str, str]:
        """发请求用的头，含 Authorization；只应交给 HTTP 客户端，绝不打印。"""
        headers = dict(self.headers)
        if self.api_key is not None and self.api_key.get_secret_value():
            headers["Authorization"] = f"Bearer {self.api_key.get_secret_value()}"
        return headers
