"""`rayeval cleanup`：一次被杀的运行留下的东西，本机的与集群里的，都收掉。"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rayeval.cli import words
from rayeval.cli.options import Artifacts, Debug
from rayeval.errors import InfrastructureError, UsageError
from rayeval.exits import leave

if TYPE_CHECKING:
    from rayeval.service.aftermath import Place

HELP = (
    "Remove what a killed run left behind: service processes on this machine, and Kubernetes "
    "objects with the label of the run. Where its services were deployed is read from the run's "
    "config.resolved.yaml under --artifacts; --namespace names a place without it."
)


def cleanup(
    run_id: Annotated[
        str,
        typer.Option(
            "--run-id", help="Name of the run, as it was printed.", autocompletion=words.runs
        ),
    ],
    artifacts: Artifacts = Path("artifacts"),
    namespace: Annotated[
        str | None, typer.Option(help="Kubernetes namespace to look in, besides the run's own.")
    ] = None,
    kubeconfig: Annotated[
        Path | None, typer.Option(help="kubeconfig for --namespace; in-cluster without.")
    ] = None,
    context: Annotated[str | None, typer.Option(help="Context of that kubeconfig.")] = None,
    debug: Debug = False,
) -> None:
    """清扫一次运行。"""

    def job() -> int:
        """找、删、说。"""
        from rayeval.service.aftermath import Place

        places = _places_of(artifacts, run_id)
        if namespace is not None:
            where = str(kubeconfig.absolute()) if kubeconfig else None
            places.append(Place(where, context, namespace))
        elif kubeconfig is not None or context is not None:
            raise UsageError("--kubeconfig and --context go with --namespace")
        left = [*_local(run_id), *_remote(places, run_id)]
        if left:
            raise InfrastructureError("\n".join(left))
        return 0

    leave(job, debug=debug)


def _local(run_id: str) -> list[str]:
    """本机的服务进程，与别的没人管的；返回没能结束的。"""
    from rayeval.service.sweep import end, marked, orphans

    found = list(dict.fromkeys([*marked(run_id), *orphans()]))
    gone = end(found)
    for process in gone:
        typer.echo(f"ended {process}")
    if not found:
        typer.echo("no service process of this run on this machine")
    return [f"{p} is still there; end it as its user" for p in found if p not in gone]


def _remote(places: list[Place], run_id: str) -> list[str]:
    """各处的对象；返回没能删掉的。"""
    from rayeval.errors import LaunchError
    from rayeval.service.aftermath import cleanup_place
    from rayeval.service.kube.api import ApiError

    left: list[str] = []
    for place in dict.fromkeys(places):
        try:
            found, problems = cleanup_place(place, run_id)
        except (LaunchError, ApiError) as error:
            left.append(f"{place}: {error}")
            continue
        for name in found:
            typer.echo(f"deleted {name} in {place}")
        if not found:
            typer.echo(f"nothing of this run in {place}")
        left += [f"{place}: {problem}" for problem in problems]
    return left


def _places_of(artifacts: Path, run_id: str) -> list[Place]:
    """那次运行把服务部署在哪里：读它存下的配置；没有存下的为空，并说一句。"""
    import yaml

    from rayeval.service.aftermath import Place
    from rayeval.stored_place import run_id_of

    for command in sorted(artifacts.glob("runs/*/command.json")):
        if run_id_of(command) != run_id:
            continue
        resolved = command.with_name("config.resolved.yaml")
        content: Any = yaml.safe_load(resolved.read_text(encoding="utf-8"))
        services = [plan["scenario"]["service"] for plan in content["plans"]]
        return [
            Place(service.get("kubeconfig"), service.get("context"), service["namespace"])
            for service in services
            if service.get("kind") == "kubernetes"
        ]
    typer.echo(f"{artifacts} knows no run {run_id}; name its place with --namespace", err=True)
    return []
