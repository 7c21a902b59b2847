"""`--resume`：找到被打断的那一次运行，核对它与这一次要做的是同一件事。"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rayeval.domain.run import RunSpec
from rayeval.errors import UsageError


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
