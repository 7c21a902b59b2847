"""套件进程要知道的一切：交接用的 JSON 与脱敏。"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field

from pydantic import SecretStr

from rayeval.domain.functional import Capability, FunctionalSpec, Support
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import Endpoint, ExternalService


@dataclass(frozen=True, slots=True)
class SuiteContext:
    """一个套件进程的上下文；含密钥明文，只经匿名的文件描述符交接，绝不打印。"""

    suite: str
    scenario: Scenario = field(repr=False)
    endpoint: Endpoint = field(repr=False)
    spec: FunctionalSpec
    capabilities: tuple[Capability, ...] = ()

    def to_json(self) -> str:
        """写成 JSON 文本；场景里与用例无关的秘密（服务环境变量、提供方的键与头）不在内。"""
        provider = self.scenario.provider.model_copy(update={"api_key": None, "headers": {}})
        service = self.scenario.service
        if hasattr(service, "env"):
            service = service.model_copy(update={"env": {}})
        scenario = self.scenario.model_copy(update={"provider": provider, "service": service})
        key = self.endpoint.api_key
        return json.dumps(
            {
                "suite": self.suite,
                "scenario": scenario.model_dump(mode="json"),
                "spec": self.spec.model_dump(mode="json"),
                "capabilities": [asdict(capability) for capability in self.capabilities],
                "endpoint": {
                    "base_url": self.endpoint.base_url,
                    "model": self.endpoint.model,
                    "api_key": None if key is None else key.get_secret_value(),
                    "headers": list(self.endpoint.headers),
                },
            }
        )

    @staticmethod
    def from_json(text: str) -> SuiteContext:
        """读回 `to_json` 写下的。"""
        data = json.loads(text)
        endpoint = data["endpoint"]
        key = endpoint["api_key"]
        return SuiteContext(
            data["suite"],
            Scenario.model_validate(data["scenario"]),
            Endpoint(
                endpoint["base_url"],
                endpoint["model"],
                None if key is None else SecretStr(key),
                tuple((name, value) for name, value in endpoint["headers"]),
            ),
            FunctionalSpec.model_validate(data["spec"]),
            tuple(
                Capability(**fields | {"support": Support(fields["support"])})
                for fields in data["capabilities"]
            ),
        )


def bare_scenario(endpoint: Endpoint, features: dict[str, bool]) -> Scenario:
    """只有一个地址时的场景：外部服务，除 `features` 外什么也没声明。"""
    return Scenario(
        id="adhoc",
        mode=Mode.EXTERNAL,
        model=endpoint.model,
        served_model_name=endpoint.model,
        provider=Provider(id="adhoc", base_url=endpoint.base_url),
        features=features,
        service=ExternalService(base_url=endpoint.base_url),
    )
