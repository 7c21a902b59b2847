"""配置与它点到的东西：文件合法吗，题目读得成吗，服务的命令在不在。"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from rayeval.accuracy.dataset import cache_path, is_url, shown
from rayeval.doctor.finding import Told, fail, ok, skip, split_mend, warn
from rayeval.doctor.scene import Scene
from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.errors import ConfigError, RayevalError
from rayeval.pipeline.papers import papers
from rayeval.printable import amount

NO_CONFIG = "no configuration; name one with --config"
BROKEN = "the configuration has errors"
SHOWN = 3
"""至多引这么多处错误；全部由 `rayeval validate` 说。"""


def unread(scene: Scene) -> Told | None:
    """没有配置、或它有错时，靠它的检查都跳过；读成了为 None。"""
    if scene.folder is None:
        return skip(NO_CONFIG)
    return skip(BROKEN) if scene.problems else None


def check_configuration(scene: Scene) -> Told:
    """文件都合法吗。"""
    if scene.folder is None:
        return skip(NO_CONFIG)
    if scene.problems:
        count = len(scene.problems)
        told = [str(problem) for problem in scene.problems[:SHOWN]]
        more = [f"and {count - SHOWN} more"] if count > SHOWN else []
        mend = f"mend them; see them all with: rayeval validate --config {scene.folder}"
        lines = [f"{amount(count, 'problem')} in {scene.folder}", *told, *more]
        return fail("\n".join(lines), mend)
    counts = ", ".join(f"{len(spec.plans)} for {spec.run_type}" for spec in scene.specs)
    return ok(f"{scene.folder} is valid; scenarios: {counts}")


def check_datasets(scene: Scene) -> Told:
    """题目在、读得成、列对、校验和对吗；要从网上取的不在这里取。"""
    if (told := unread(scene)) is not None:
        return told
    asked = [plan for plan in scene.plans() if plan.accuracy is not None]
    if not asked:
        return skip("no scenario has an accuracy stage")
    remote = {_where(plan): plan for plan in asked if _must_fetch(plan.accuracy, scene.env)}
    here = {_where(plan): plan for plan in asked if _where(plan) not in remote}
    try:
        exams = papers(_only(scene, tuple(here.values())))
    except ConfigError as error:
        pairs = [split_mend(str(problem)) for problem in error.problems[:SHOWN]]
        mend = "; ".join(dict.fromkeys(mend for _, mend in pairs if mend))
        return fail("\n".join(seen for seen, _ in pairs), mend or "mend it as said")
    except RayevalError as error:
        seen, mend = split_mend(str(error))
        return fail(seen, mend or "mend the accuracy profile")
    questions = max((len(exam.items) for exam in exams.values()), default=0)
    seen = f"{len(here)} readable" + (f", up to {questions} questions" if questions else "")
    if remote:
        seen += f"; to be fetched by the first run: {', '.join(remote)}"
        return warn(seen, "nothing to do where the network allows it; else name a file")
    return ok(seen)


def check_commands(scene: Scene, which: Callable[[str], str | None] = shutil.which) -> Told:
    """本地服务的命令在这台机器上吗。"""
    if (told := unread(scene)) is not None:
        return told
    services = scene.local()
    if not services:
        return skip("no scenario starts a service on this machine")
    missing = {
        service.command[0]: name
        for name, service in services.items()
        if "{" not in service.command[0] and which(service.command[0]) is None
    }
    if missing:
        seen = ", ".join(f"{command} ({name})" for command, name in missing.items())
        mend = "install it, or run on the cluster's nodes that have it (--address)"
        return warn(f"not found on this machine: {seen}", mend)
    count = len(services)
    return ok(f"{amount(count, 'scenario')} can start a service here")


def _must_fetch(spec: AccuracySpec | None, env: object) -> bool:
    """要从网上取，而且还没有取过。"""
    if spec is None or spec.external or not is_url(spec.dataset):
        return False
    return not cache_path(spec, dict(env)).is_file()  # type: ignore[call-overload]


def _where(plan: ScenarioPlan) -> str:
    """题目从哪里来：路径或盖去密钥的地址，同一处只查一次。"""
    spec = plan.accuracy
    assert spec is not None  # noqa: S101 调用者已查
    source = shown(spec.dataset) if spec.dataset else spec.results or Path(spec.runner[0]).name
    return f"{spec.benchmark} {source}"


def _only(scene: Scene, plans: tuple[ScenarioPlan, ...]) -> RunSpec:
    """只有这些计划的一次运行。"""
    return scene.specs[0].model_copy(update={"plans": plans})
