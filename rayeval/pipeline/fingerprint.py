"""一次测量的身份：硬件、引擎、启动参数；不同则两次测量不可比。

负载档位不在其中：PR 与每日的档位本就不同，比较按同名的 cell 进行。
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re

from rayeval.domain.run import ScenarioPlan
from rayeval.domain.service import ExternalService, KubernetesService, LocalService, ServiceSpec

_SECRET = re.compile("key|token|secret|passw|credential", re.IGNORECASE)


def fingerprint(
    plan: ScenarioPlan, engine: dict[str, str], config_dir: str
) -> tuple[tuple[str, str], ...]:
    """合成身份，按键排序；`engine` 是服务自报的部分。

    配置目录放在哪里不算身份（CI 的工作区各不相同）；名字像密钥的环境变量只算名字，
    短摘要经不起猜。
    """
    resources = plan.scenario.resources
    asked = {"gpu": resources.num_gpus, **resources.custom}
    accelerators = ", ".join(f"{n:g}×{name}" for name, n in sorted(asked.items()) if n)
    identity = {
        **engine,
        "hardware": f"{platform.machine()}, {os.cpu_count()} CPUs"
        + (f", {accelerators}" if accelerators else ""),
        **_started_with(plan.scenario.service, config_dir),
    }
    return tuple(sorted(identity.items()))


def _started_with(service: ServiceSpec, config_dir: str) -> dict[str, str]:
    """怎样启动的：参数的摘要；已经在跑的服务不知道参数，是它的地址，明写，不同时读得懂。"""
    if isinstance(service, ExternalService):
        return {"url": service.base_url}
    return {"flags": _digest(_flags(service), config_dir)}


def _flags(service: LocalService | KubernetesService) -> object:
    """启动服务的参数：本地服务是命令与环境变量，清单是它的文本与变量。"""
    if isinstance(service, LocalService):
        env = {k: "" if _SECRET.search(k) else v for k, v in service.env.items()}
        return [service.command, sorted(env.items())]
    env = {k: "" if _SECRET.search(k) else v for k, v in service.env.items()}
    return [[m.text for m in service.manifests], sorted(env.items())]  # 部署到哪不算身份


def _digest(value: object, config_dir: str) -> str:
    """任意 JSON 值的短摘要，其中的配置目录换成占位。"""
    folder = json.dumps(config_dir, ensure_ascii=False)[1:-1]
    text = json.dumps(value, sort_keys=True, ensure_ascii=False).replace(folder, "{config_dir}")
    return hashlib.sha256(text.encode()).hexdigest()[:12]
