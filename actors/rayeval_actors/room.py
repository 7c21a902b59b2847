"""一件活要的资源，有没有哪个节点给得起；给不起又不会再来节点的，等也白等。"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


def lacking(wanted: Mapping[str, float], nodes: Sequence[Mapping[str, Any]]) -> str | None:
    """没有一个节点给得起时的话，写明要什么、各节点有什么；给得起为 None。"""
    asked = {("GPU" if name == "num_gpus" else name): n for name, n in wanted.items() if n}
    owned = [dict(node.get("Resources") or {}) for node in nodes]
    if any(all(has.get(name, 0.0) >= n for name, n in asked.items()) for has in owned):
        return None
    have = "; ".join(
        ", ".join(f"{name} {has.get(name, 0.0):g}" for name in sorted(asked)) for has in owned
    )
    need = ", ".join(f"{name} {n:g}" for name, n in sorted(asked.items()))
    return (
        f"no node has what the scenario's resources ask for: {need} (it has {have}); run on a "
        "cluster that has them (--address), or mend resources"
    )
