"""矩阵 × 运行类型 × 命令行 → RunSpec。"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from rayeval.config.builtin import accuracy_profile, perf_profile
from rayeval.config.diagnosis import unknown
from rayeval.config.loader import ConfigLoader, ConfigTree, Source
from rayeval.config.present import digest
from rayeval.config.schema import (
    RUN_TYPES,
    STAGES,
    KubernetesSection,
    MatrixFile,
    ScenarioFile,
    Selection,
)
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.perf import PerfSpec
from rayeval.domain.push import PushSpec
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import (
    ExternalService,
    KubernetesService,
    LocalService,
    Manifest,
    ServiceSpec,
)
from rayeval.domain.verdict import BaselineReset, GateSpec
from rayeval.errors import Problem, UsageError
from rayeval.manifest import variables


def load(
    config_dir: Path,
    *,
    run_type: str,
    run_id: str,
    scenarios: Sequence[str] = (),
    stages: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    baseline: str | None = None,
) -> RunSpec:
    """配置目录与命令行的选择 → 一次运行的全部输入，路径都已是绝对的。

    `scenarios` 为空即矩阵选中的全部，`stages` 为空即矩阵开着的全部。
    配置有错抛 ConfigError（全部问题）；选择不成立抛 UsageError。
    """
    _known("run type", [run_type], RUN_TYPES)
    _known("stage", stages, STAGES)
    tree = ConfigLoader(config_dir, env).load()
    _known("scenario", scenarios, tree.scenarios)
    plans = tuple(
        plan
        for name, source in tree.scenarios.items()
        if not scenarios or name in scenarios
        if (plan := _plan(tree, source, run_type, stages)) is not None
    )
    _refuse_disabled(scenarios, [plan.scenario.id for plan in plans], run_type, stages)
    if not plans:
        msg = f"matrix.yaml selects no scenario for {run_type} runs; enable one there"
        raise UsageError(msg)
    spec = RunSpec(
        run_id=run_id,
        run_type=run_type,
        config_dir=str(tree.root),
        config_digest="",
        plans=plans,
        gate=_gate(tree.matrix, run_type),
        push=_push(tree.matrix, tree.root, env),
        resets=tree.resets.resets,
        baseline=baseline,
        narrowed=bool(scenarios or stages),
    )
    return spec.model_copy(update={"config_digest": digest(spec)})


def validate(config_dir: Path, env: Mapping[str, str] | None = None) -> list[Problem]:
    """两种运行所需的一切的全部问题，按文件与行排序；没有问题为空。"""
    return ConfigLoader(config_dir, env).scan()[1]


def load_gate(config_dir: Path, run_type: str, env: Mapping[str, str] | None = None) -> GateSpec:
    """matrix.yaml 里某种运行的门禁阈值；`config_dir` 也可以直接是那份文件。

    只读这一份文件；有错抛 ConfigError。
    """
    folder = config_dir.parent if config_dir.is_file() else config_dir
    return _gate(ConfigLoader(folder, env).load_matrix(), run_type)


def load_push(config_dir: Path, env: Mapping[str, str] | None = None) -> PushSpec:
    """matrix.yaml 里推送的一节，没写的取自 PROM_PUSHGATEWAY_*；`config_dir` 也可以是那份文件。"""
    folder = config_dir.parent if config_dir.is_file() else config_dir
    return _push(ConfigLoader(folder, env).load_matrix(), folder.resolve(), env)


def _push(matrix: MatrixFile, root: Path, env: Mapping[str, str] | None) -> PushSpec:
    """推送的一节：证书文件的路径变成绝对的，地址与凭证可以来自环境。"""
    spec = matrix.push
    paths = {
        name: str(root / Path(value).expanduser())
        for name in ("ca_file", "client_cert")
        if (value := getattr(spec, name)) is not None
    }
    return push_from_environment(spec.model_copy(update=paths), env)


def push_from_environment(spec: PushSpec, env: Mapping[str, str] | None) -> PushSpec:
    """没有写明的地址与凭证取自 PROM_PUSHGATEWAY_*；那里的 URL 不成立抛 UsageError。"""
    try:
        return spec.with_environment(dict(os.environ if env is None else env))
    except ValidationError:  # 里头的值可能带着密码，只说是哪一个变量
        msg = "PROM_PUSHGATEWAY_URL is no Pushgateway; write http://HOST:PORT or https://HOST:PORT"
        raise UsageError(msg) from None


def load_resets(
    config_dir: Path, env: Mapping[str, str] | None = None
) -> tuple[BaselineReset, ...]:
    """baseline_resets.yaml 里的全部重置；`config_dir` 也可以是其中一份文件。错抛 ConfigError。"""
    folder = config_dir.parent if config_dir.is_file() else config_dir
    return ConfigLoader(folder, env).load_resets().resets


def _gate(matrix: MatrixFile, run_type: str) -> GateSpec:
    """某种运行的阈值。"""
    return matrix.gate.daily if run_type == "daily" else matrix.gate.pr


def _known(kind: str, names: Sequence[str], known: Sequence[str] | Mapping[str, object]) -> None:
    """命令行点的名都认识，否则抛 UsageError。"""
    for name in names:
        if name not in known:
            raise UsageError(unknown(kind, name, known))


def _refuse_disabled(
    asked: Sequence[str], planned: Sequence[str], run_type: str, stages: Sequence[str]
) -> None:
    """点了名却没有可跑的，明说是矩阵关掉的。"""
    for name in asked:
        if name not in planned:
            what = f"stage {', '.join(stages)}" if stages else "scenario"
            msg = f"matrix.yaml turns {what} off for {name!r} in {run_type} runs; turn it on there"
            raise UsageError(msg)


def _plan(
    tree: ConfigTree, source: Source[ScenarioFile], run_type: str, stages: Sequence[str]
) -> ScenarioPlan | None:
    """一个场景在这种运行里的计划；没选中，或点名的阶段它一个也不跑，则为 None。"""
    entry = tree.matrix.scenarios.get(source.value.id)
    choice = Selection() if entry is None else entry.pr if run_type == "pr" else entry.daily
    if not choice.enabled:
        return None
    wanted = {name for name in stages or STAGES if getattr(choice.stages, name)}
    if stages and not wanted:
        return None
    return ScenarioPlan(
        scenario=_scenario(tree, source),
        optional=choice.optional,
        functional=_functional(tree, choice) if "functional" in wanted else None,
        perf=_perf(tree, choice.perf or run_type) if "perf" in wanted else None,
        accuracy=_accuracy(tree, choice.accuracy or run_type) if "accuracy" in wanted else None,
    )


def _functional(tree: ConfigTree, choice: Selection) -> FunctionalSpec:
    """功能档位；default 没有文件时用内建的默认；套件取矩阵的子集。"""
    source = tree.functional.get(choice.functional)
    spec = FunctionalSpec() if source is None else source.value
    update: dict[str, object] = {}
    if source is not None:
        update["paths"] = tuple(source.beside(path) for path in spec.paths)
    if choice.suites is not None:
        update["suites"] = choice.suites
    return spec.model_copy(update=update)


def _perf(tree: ConfigTree, name: str) -> PerfSpec:
    """性能档位；没有文件的是内建的。"""
    source = tree.perf.get(name)
    return perf_profile(name) if source is None else source.value


def _accuracy(tree: ConfigTree, name: str) -> AccuracySpec:
    """准确率档位，没有文件的是内建的；数据集、模板、结果的路径变成绝对的。"""
    source = tree.accuracy.get(name)
    if source is None:
        return accuracy_profile(name, tree.root, tree.env)
    spec = source.value
    paths = {
        name: source.beside(value)
        for name in ("dataset", "template_file", "results")
        if (value := getattr(spec, name))
    }
    return spec.model_copy(update=paths)


def _scenario(tree: ConfigTree, source: Source[ScenarioFile]) -> Scenario:
    """场景文件 → 场景：提供方换成实体，服务换成所属的那一种。"""
    file = source.value
    provider = next(
        (p for p in tree.providers.providers if p.id == file.provider), Provider(id="default")
    )
    return Scenario(
        id=file.id,
        mode=file.mode,
        model=file.model,
        served_model_name=file.served_model_name or file.model,
        quant=file.quant,
        provider=provider,
        features=file.features,
        service=_service(tree, source, provider),
        resources=file.resources,
        reasoning=file.reasoning,
        labels=file.labels,
    )


def _service(tree: ConfigTree, source: Source[ScenarioFile], provider: Provider) -> ServiceSpec:
    """按部署形态取服务的三种写法之一；所需的字段已由 crosscheck 保证在。"""
    file = source.value
    section = file.service
    if file.mode is Mode.LOCAL:
        root = str(tree.root)
        return LocalService(
            command=tuple(word.replace("{config_dir}", root) for word in section.command or ()),
            env=section.env,
            port=section.port,
            health_path=section.health_path,
            startup_timeout_s=section.startup_timeout_s,
        )
    if file.mode is Mode.EXTERNAL:
        return ExternalService(
            base_url=(section.base_url or provider.base_url or "").rstrip("/"),
            health_path=section.health_path,
            startup_timeout_s=section.startup_timeout_s,
        )
    assert file.k8s is not None  # noqa: S101 crosscheck 已查
    return _kubernetes(source, file.k8s, tree.env)


def _kubernetes(
    source: Source[ScenarioFile], k8s: KubernetesSection, env: Mapping[str, str]
) -> KubernetesService:
    """k8s 一节 → KubernetesService；清单读成文本，连同它们引用的环境变量的值。"""
    section = source.value.service
    kubeconfig = None if k8s.kubeconfig is None else source.beside(k8s.kubeconfig)
    manifests = tuple(
        Manifest(file=path, text=Path(path).read_text(encoding="utf-8-sig"))
        for path in map(source.beside, k8s.manifests)
    )
    return KubernetesService(
        manifests=manifests,
        env={
            name: value
            for manifest in manifests
            for name, value in variables(manifest.text, env).items()
        },
        kubeconfig=kubeconfig,
        context=k8s.context,
        namespace=k8s.namespace,
        service_name=k8s.service_name,
        port_name=k8s.port_name,
        node_port=k8s.node_port,
        node_host=k8s.node_host,
        unschedulable_s=k8s.unschedulable_s,
        health_path=section.health_path,
        startup_timeout_s=section.startup_timeout_s,
    )
