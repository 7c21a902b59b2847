"""场景：一份服务、它自称会什么、它占用什么。"""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field, SecretStr

from rayeval.domain.model import Model
from rayeval.domain.service import ServiceSpec


class Mode(StrEnum):
    """服务的部署形态。"""

    LOCAL = "local"
    K8S_HYBRID = "k8s-hybrid"
    K8S_PD = "k8s-pd"
    EXTERNAL = "external"


class Quant(StrEnum):
    """权重与激活的量化方案。"""

    W8A8 = "w8a8"
    W4A8 = "w4a8"
    NONE = "none"


class Resources(Model):
    """场景向 Ray 要的资源；要到了才启动服务。"""

    num_gpus: float = Field(default=0.0, ge=0, description="GPUs that Ray reserves")
    custom: dict[str, float] = Field(
        default_factory=dict, description="custom Ray resources, e.g. {NPU: 8}"
    )


class Reasoning(Model):
    """推理内容出现在哪些字段、是否允许为空。"""

    keys: tuple[str, ...] = Field(
        default=("reasoning_content", "reasoning"),
        min_length=1,
        description="fields that may hold the reasoning, the first present one counts",
    )
    allow_empty: bool = Field(default=False, description="accept a reasoning field that is empty")


class Provider(Model):
    """acs-bench 形状的提供方：请求发往谁、以谁的名义。"""

    id: str = Field(description="name that scenarios refer to")
    name: str = Field(default="", description="display name; the id when empty")
    api_key: SecretStr | None = Field(default=None, description="key sent as Bearer token")
    base_url: str | None = Field(
        default=None, description="URL of an external service, ends in /v1"
    )
    model_name: str | None = Field(default=None, description="model name written in requests")
    model_category: str = Field(default="", description="free text, e.g. chat or reasoning")
    headers: dict[str, str] = Field(default_factory=dict, description="extra request headers")
    max_tokens_field: str = Field(
        default="max_tokens",
        pattern="^(max_tokens|max_completion_tokens)$",
        description="field that limits the output: max_tokens or max_completion_tokens",
    )


class Scenario(Model):
    """一个可独立启动、测量、判定的单位。"""

    id: str
    mode: Mode
    model: str
    served_model_name: str
    quant: Quant = Quant.NONE
    provider: Provider
    features: dict[str, bool] = Field(default_factory=dict)
    service: ServiceSpec
    resources: Resources = Resources()
    reasoning: Reasoning = Reasoning()
    labels: dict[str, str] = Field(default_factory=dict)
