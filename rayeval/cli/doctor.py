"""命令行：`rayeval doctor`，测量之前看一眼这台机器、集群、网络与配置。"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rayeval.cli import words
from rayeval.cli.options import WHAT, WHERE, Artifacts, Debug, Json, console
from rayeval.exits import leave

if TYPE_CHECKING:
    from rayeval.doctor.examination import Check
    from rayeval.doctor.finding import Finding


def doctor(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            help="Configuration to check for; default: configs, if there.",
            rich_help_panel=WHAT,
        ),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            help="Ray cluster to look at: auto or HOST:PORT.",
            rich_help_panel=WHERE,
            autocompletion=words.addresses,
        ),
    ] = None,
    artifacts: Artifacts = Path("artifacts"),
    as_json: Json = False,
    debug: Debug = False,
) -> None:
    """体检。"""

    def job() -> int:
        """读配置，并排查，说出来。"""
        from rayeval.app import survey_cluster
        from rayeval.doctor.examination import checks
        from rayeval.doctor.finding import exit_code
        from rayeval.doctor.scene import read_scene

        folder = config or (words.USUAL if words.USUAL.is_dir() else None)
        scene = read_scene(folder, artifacts, address, dict(os.environ))
        findings = _watched(checks(scene, survey_cluster))
        code = exit_code(findings)
        _say(findings, code, as_json=as_json)
        return code

    leave(job, debug=debug)


def _watched(todo: tuple[Check, ...]) -> list[Finding]:
    """做完全部，按表里的次序返回；终端上看得到还在等谁。"""
    from rich.console import Console

    from rayeval.doctor.examination import examine

    order = [check.name for check in todo]
    waiting, found = list(order), []
    with Console(stderr=True).status("looking …") as status:
        for finding in examine(todo):
            found.append(finding)
            waiting.remove(finding.name)
            status.update(f"{len(found)} of {len(todo)} done; waiting for {', '.join(waiting[:4])}")
    return sorted(found, key=lambda finding: order.index(finding.name))


def _say(findings: list[Finding], code: int, *, as_json: bool) -> None:
    """表与总结，或一个 JSON 对象。"""
    if as_json:
        import json

        body: dict[str, Any] = {
            "exit_code": code,
            "checks": [
                {"name": f.name, "state": f.state.value, "seen": f.seen, "mend": f.mend}
                for f in findings
            ],
        }
        typer.echo(json.dumps(body, ensure_ascii=False, indent=1))
        return
    from rayeval.doctor.table import table, verdict

    out = console()
    out.print(table(findings), highlight=False)
    out.print(verdict(findings))
