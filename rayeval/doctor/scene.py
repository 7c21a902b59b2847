"""要给谁体检：哪份配置、哪个集群、产物放哪里；配置在这里读一次。"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import ceil
from pathlib import Path

from rayeval import config
from rayeval.domain.perf import PerfSpec
from rayeval.domain.push import PushSpec
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.domain.service import KubernetesService, LocalService
from rayeval.errors import ConfigError, Problem, RayevalError
from rayeval.perf.sizing import needed_workers

HERE = frozenset({None, "local", "inline"})
"""这些地址意味着本地服务就起在这台机器上。"""


@dataclass(frozen=True, slots=True)
class Load:
    """档位里最重的：同时在途的请求数，与其中一个压测者管的。"""

    streams: int
    one_worker: int


@dataclass(frozen=True, slots=True)
class Scene:
    """体检的对象。`folder` 为 None 即没有配置；`problems` 非空时 `specs` 为空。"""

    folder: Path | None = None
    artifacts: Path = Path("artifacts")
    address: str | None = None
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    specs: tuple[RunSpec, ...] = ()
    problems: tuple[Problem, ...] = ()

    def plans(self) -> Iterator[ScenarioPlan]:
        """各种运行的全部计划；同一个场景可以出现几次。"""
        return (plan for spec in self.specs for plan in spec.plans)

    def local(self) -> dict[str, LocalService]:
        """在本机起服务的场景。"""
        found = {plan.scenario.id: plan.scenario.service for plan in self.plans()}
        if self.address not in HERE:
            return {}
        return {name: s for name, s in found.items() if isinstance(s, LocalService)}

    def kubernetes(self) -> dict[str, KubernetesService]:
        """部署到集群里的场景。"""
        found = {plan.scenario.id: plan.scenario.service for plan in self.plans()}
        return {name: s for name, s in found.items() if isinstance(s, KubernetesService)}

    def load(self) -> Load | None:
        """最重的压测；没有压测为 None。"""
        loads = [_load(plan.perf) for plan in self.plans() if plan.perf is not None]
        return max(loads, key=lambda load: load.streams, default=None)

    def push(self) -> PushSpec:
        """推到哪里；没有配置时只看环境。"""
        if self.specs:
            return self.specs[0].push
        return config.push_from_environment(PushSpec(), dict(self.env))


def _load(spec: PerfSpec) -> Load:
    """一个档位最大的 cell。"""
    streams = max(spec.concurrency)
    return Load(streams, ceil(streams / needed_workers(spec, streams)))


def read_scene(
    folder: Path | None, artifacts: Path, address: str | None, env: Mapping[str, str]
) -> Scene:
    """读配置；它的错不抛出，成为结论的一部分。"""
    scene = Scene(folder=folder, artifacts=artifacts, address=address, env=env)
    if folder is None:
        return scene
    problems: list[Problem] = config.validate(folder, dict(env))
    specs: list[RunSpec] = []
    try:
        if not problems:
            for run_type in config.RUN_TYPES:
                specs.append(  # noqa: PERF401 出错时要留住已经读成的
                    config.load(folder, run_type=run_type, run_id="doctor", env=dict(env))
                )
    except ConfigError as error:
        problems = error.problems
    except RayevalError as error:
        problems = [Problem(str(folder), 0, 0, "", str(error))]
    return Scene(
        folder=folder,
        artifacts=artifacts,
        address=address,
        env=env,
        specs=() if problems else tuple(specs),
        problems=tuple(problems),
    )
