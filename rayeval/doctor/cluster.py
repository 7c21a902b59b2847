"""Ray 集群：点了名就去看，没点名就说会怎么跑。怎么看由调用者给：这里不认识 Ray。"""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from rayeval.doctor.finding import Told, fail, ok, skip, split_mend
from rayeval.doctor.scene import Scene
from rayeval.doctor.software import installed
from rayeval.errors import ClusterError, UsageError
from rayeval.printable import amount

LIMIT_S = 7.0
_SHOWN = ("CPU", "GPU", "NPU")


class Seen(Protocol):
    """一个答了话的集群。"""

    @property
    def nodes(self) -> tuple[str, ...]:
        """活着的节点的地址。"""

    @property
    def resources(self) -> Mapping[str, float]:
        """各节点之和。"""

    @property
    def ray(self) -> str:
        """Ray 的版本；不知道为空。"""

    @property
    def python(self) -> str:
        """Python 的版本；不知道为空。"""


Survey = Callable[[str, float], Seen]
"""（地址，时限秒）→ 集群的样子；不成抛 ClusterError 或 UsageError。"""


def check_cluster(scene: Scene, survey: Survey) -> Told:
    """点名的集群答话吗，版本一样吗。"""
    address = scene.address
    if address is None:
        named = scene.env.get("RAY_ADDRESS")
        if named:
            return skip("RAY_ADDRESS is set; see whether it answers with --address auto")
        return skip("none asked for: local embeds one, inline needs none")
    if address in {"local", "inline"}:
        return skip("local: a run embeds its own" if address == "local" else "inline: none needed")
    try:
        found = survey(address, LIMIT_S)
    except (ClusterError, UsageError) as error:
        return fail(*split_mend(str(error)))
    token = _token(scene.env)
    return cluster(found, installed("ray") or "", platform.python_version(), token)


def cluster(found: Seen, ray: str, python: str, token: str) -> Told:
    """集群的样子 → 结论；`ray`、`python` 是这里的版本，`token` 说凭什么进去的。"""
    for name, theirs, ours in (("Ray", found.ray, ray), ("Python", found.python, python)):
        if theirs and theirs != ours:
            seen = f"the cluster runs {name} {theirs}, here is {ours}"
            return fail(seen, f"install {name} {theirs} here, or {ours} on every node")
    if not found.nodes:
        return ok(f"answers{token}")
    count = len(found.nodes)
    kinds = [*_SHOWN, *(n for n in sorted(found.resources) if n not in {*_SHOWN, *_OTHERS})]
    amounts = [f"{found.resources[k]:g} {k}" for k in kinds if found.resources.get(k)]
    return ok(f"{amount(count, 'node')}: {', '.join(amounts)}{token}")


_OTHERS = frozenset({"memory", "object_store_memory"})


def _token(env: Mapping[str, str]) -> str:
    """令牌从哪里来；绝不说它是什么。"""
    if env.get("RAY_AUTH_TOKEN"):
        return "; token of RAY_AUTH_TOKEN at hand"
    path = Path(env.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return "; token file at hand" if path.is_file() else "; no token at hand"
