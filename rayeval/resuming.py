"""`--resume`：找到被打断的那一次运行，核对它与这一次要做的是同一件事，接上它的作答。"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rayeval.domain.run import RunSpec, ScenarioPlan
from rayeval.errors import UsageError
from rayeval.export.files import Artifacts
from rayeval.export.journal import PARTIAL


def find_interrupted(root: Path, spec: RunSpec) -> str:
    """名为 `spec.run_id` 的运行的时间标签，在 `root` 之下找；不能接着跑就抛 UsageError。"""
    known = {}
    for file in sorted(root.glob("runs/*/command.json")):
        body = _read(file)
        known[str(body.get("run_id"))] = (file.parent, body)
    if spec.run_id not in known:
        stopped = [name for name, (folder, _) in known.items() if _is_open(folder)]
        hint = f"; to be resumed: {', '.join(stopped)}" if stopped else ""
        message = f"--resume {spec.run_id}: no such run under {root}/runs{hint}"
        raise UsageError(message)
    folder, body = known[spec.run_id]
    if not _is_open(folder):
        message = f"--resume {spec.run_id}: it ended, or measured nothing yet; start a new run"
        raise UsageError(message)
    if body.get("config_digest") != spec.config_digest:
        message = (
            f"--resume {spec.run_id}: the configuration or the flags are not those it began with; "
            f"give the flags of {folder / 'command.json'}, or start a new run"
        )
        raise UsageError(message)
    return folder.name


def take_up_answers(spec: RunSpec, artifacts: Artifacts) -> RunSpec:
    """没考完的场景接着它留下的作答；`artifacts` 是被打断的那一次的产物。"""
    plans = tuple(_taken_up(plan, artifacts) for plan in spec.plans)
    return spec.model_copy(update={"plans": plans})


def _taken_up(plan: ScenarioPlan, artifacts: Artifacts) -> ScenarioPlan:
    """一个场景；交给外部工具考的从头考，它的作答不要了。"""
    file = artifacts.path(artifacts.accuracy(plan.scenario.id, PARTIAL))
    if plan.accuracy is None or not file.is_file():
        return plan
    if plan.accuracy.external or not file.stat().st_size:
        file.unlink()
        return plan
    return plan.model_copy(update={"resume_answers": str(file)})


def _is_open(folder: Path) -> bool:
    """还留着流水账：没有走完。"""
    return any(folder.glob("journal_*.jsonl"))


def _read(file: Path) -> dict[str, Any]:
    """command.json；被杀时写坏的当作空的。"""
    try:
        body = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return body if isinstance(body, dict) else {}
