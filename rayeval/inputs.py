"""一次运行的输入与来历：命令、版本、git、解析后的配置；写进产物，密钥已盖住。"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import rayeval
from rayeval.config import redact, resolved_yaml
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.domain.service import REDACTED
from rayeval.export.files import Artifacts
from rayeval.pipeline.run import Provenance


def write_inputs(artifacts: Artifacts, spec: RunSpec, provenance: Provenance, address: str) -> None:
    """这次运行的输入：命令、版本、来历、配置摘要、解析后的配置；密钥已隐去。"""
    body = {
        "argv": [Path(sys.argv[0]).name, *_argv(sys.argv[1:])],
        "address": address,
        "run_id": spec.run_id,
        "versions": provenance.versions,
        "git": provenance.git,
        "config_digest": spec.config_digest,
        "environment": {
            name: value
            for name, value in sorted(os.environ.items())
            if name in {"CI", "RAY_ADDRESS", "CUDA_VISIBLE_DEVICES", "ASCEND_RT_VISIBLE_DEVICES"}
        },
    }
    text = json.dumps(body, ensure_ascii=False, indent=1)
    artifacts.write(artifacts.run("command.json"), text.encode("utf-8", "replace") + b"\n")
    plans = tuple(_without_headers(plan) for plan in spec.plans)
    resolved = resolved_yaml(spec.model_copy(update={"plans": plans}))
    artifacts.write(artifacts.run("config.resolved.yaml"), resolved.encode())


def _argv(words: list[str]) -> list[str]:
    """命令行的参数；密钥选项的值与 --header 的值都盖住。"""
    told: list[str] = redact(words)
    return [
        _nameless(word) if before == "--header" or word.startswith("--header=") else word
        for before, word in zip(["", *told], told, strict=False)
    ]


def _nameless(header: str) -> str:
    """`Name: value` 只留名字。"""
    return f"{header.partition(':')[0]}: {REDACTED}"


def _without_headers(plan: ScenarioPlan) -> ScenarioPlan:
    """头的值都盖住的计划：里头多半是凭证，不管它叫什么名字。"""
    provider = plan.scenario.provider
    covered = provider.model_copy(update={"headers": dict.fromkeys(provider.headers, REDACTED)})
    scenario = plan.scenario.model_copy(update={"provider": covered})
    return plan.model_copy(update={"scenario": scenario})


def provenance_of(folder: Path) -> Provenance:
    """这次运行的来历；`folder` 所在的仓库给出 git 的一半。"""
    return Provenance(_versions(), _git(folder))


def _versions() -> dict[str, str]:
    """我们、Python、Ray 的版本；不导入 ray。"""
    versions = {"rayeval": rayeval.__version__, "python": platform.python_version()}
    try:
        versions["ray"] = version("ray")
    except PackageNotFoundError:  # 只用 inline 的精简安装
        versions["ray"] = "not installed"
    return versions


def _git(folder: Path) -> dict[str, str]:
    """配置所在仓库的提交与分支；不在仓库里则为空。"""
    facts = {}
    for name, arguments in (
        ("commit", ["rev-parse", "HEAD"]),
        ("branch", ["rev-parse", "--abbrev-ref", "HEAD"]),
    ):
        try:
            done = subprocess.run(
                ["git", "-C", str(folder), *arguments],  # noqa: S607 用户的 git
                capture_output=True,
                text=True,
                timeout=10,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired):
            return {}
        if done.returncode == 0:
            facts[name] = done.stdout.strip()
    return facts
