"""起飞前：每个节点的源码、Python、Ray 要一样，否则在启动任何服务之前停下。"""

from __future__ import annotations

import hashlib
import platform
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import rayeval
import rayeval_actors
from rayeval.errors import ClusterError
from rayeval_actors.load import alive_nodes

TIMEOUT_S = 120.0
SLICE_S = 0.5


def digest() -> tuple[str, str, str]:
    """本进程里两个包的源码摘要、Python 与 Ray 的版本。"""
    hasher = hashlib.sha256()
    for package in (rayeval, rayeval_actors):
        root = Path(str(package.__file__)).parent
        for path in sorted(root.rglob("*.py")):
            hasher.update(str(path.relative_to(root)).encode() + path.read_bytes())
    return hasher.hexdigest()[:12], platform.python_version(), str(ray.__version__)


def check_nodes() -> None:
    """问每个活着的节点要摘要；不同或不答则抛 ClusterError，写明节点与差异。"""
    probe = ray.remote(digest)
    asked = {
        probe.options(
            num_cpus=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False),
        ).remote(): str(node["NodeManagerAddress"])
        for node in alive_nodes()
    }
    expected, waited = digest(), 0.0
    pending = list(asked)
    while pending and waited < TIMEOUT_S:
        ready, pending = ray.wait(pending, num_returns=len(pending), timeout=SLICE_S)
        waited += SLICE_S
        for ref in ready:
            _compare(asked[ref], _answer(ref, asked[ref]), expected)
    if pending:
        silent = ", ".join(asked[ref] for ref in pending)
        message = f"node {silent} did not answer within {TIMEOUT_S:.0f} s; is it overloaded?"
        raise ClusterError(message)


def _answer(ref: object, node: str) -> tuple[str, str, str]:
    """一个节点的回答；它没装 rayeval 时说清楚。"""
    try:
        answer: tuple[str, str, str] = ray.get(ref)  # type: ignore[call-overload]
    except ray.exceptions.RayError as error:
        last = (str(error).strip().splitlines() or [""])[-1]
        message = (
            f"node {node} can't import rayeval ({last}); install it there "
            "or run with --ship source"
        )
        raise ClusterError(message) from error
    return answer


def _compare(node: str, answer: tuple[str, str, str], expected: tuple[str, str, str]) -> None:
    """与驱动端逐项比。"""
    for name, theirs, ours in zip(("source", "Python", "Ray"), answer, expected, strict=True):
        if theirs != ours:
            message = (
                f"node {node} has {name} {theirs}, the driver has {ours}; "
                "install the same there, or run with --ship source"
            )
            raise ClusterError(message)
