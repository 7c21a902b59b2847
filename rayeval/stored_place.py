"""存盘的运行在哪里：路径，或产物目录里那次运行的名字、时间标签 → report.json。"""

from __future__ import annotations

import json
from pathlib import Path

from rayeval.errors import UsageError

USUAL = Path("artifacts")
"""各动词 --artifacts 的缺省：只写运行的名字时到这里找。"""


def stored_report(place: Path) -> Path:
    """存盘的运行 → report.json：文件、它的目录、产物目录（取最新的一次），或运行的名字。

    不存在、没有报告、没走完的，抛 UsageError。
    """
    if not place.exists():
        place = _named(place)
    file = place / "report.json" if place.is_dir() else place
    if not file.is_file():
        found = _reports(place)
        if not found:
            _refuse_unfinished(place)
            message = f"{place}: no report.json there; name a stored run, or its artifacts"
            raise UsageError(message)
        file = found[-1]
    return file


def run_id_of(command: Path) -> str | None:
    """command.json 里的运行名；读不成为 None。"""
    try:
        body = json.loads(command.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    name = body.get("run_id") if isinstance(body, dict) else None
    return name if isinstance(name, str) else None


def _named(name: Path) -> Path:
    """缺省的产物目录里叫这个名字（或时间标签）的运行的目录；没有抛 UsageError。"""
    if len(name.parts) == 1:
        for command in sorted(USUAL.glob("runs/*/command.json")):
            if str(name) in {run_id_of(command), command.parent.name}:
                return command.parent
    newest = [file.parent for file in _reports(USUAL)][-1:]
    hint = "name a report.json, its directory, an artifacts directory, or a run by its id"
    told = f"the newest run is {newest[0]}" if newest else hint
    raise UsageError(f"{name}: does not exist; {told}")


def _reports(root: Path) -> list[Path]:
    """产物目录里的各份报告，从旧到新。"""
    return sorted(root.glob("runs/*/report.json"), key=lambda path: path.parent.name)


def _refuse_unfinished(place: Path) -> None:
    """目录是、或里头只有没走完的运行：说怎样接着跑，抛 UsageError。"""
    inside = sorted(place.glob("runs/*/command.json"), reverse=True)
    for command in (place / "command.json", *inside):
        if run_id := run_id_of(command):
            on = f"go on with its command and --resume {run_id}"
            raise UsageError(f"{place}: run {run_id} has not finished; {on}")
