"""看一眼集群：有哪些节点、多少资源、什么版本；在另一个有时限的进程里问，不连上去。"""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, field

from rayeval.errors import ClusterError
from rayeval_actors.knock import ASK, Knock, explain
from rayeval_actors.session import locate, surroundings

_ALARM = "import signal; signal.alarm({seconds})\n"
"""时限在那个进程里：卡在 Ray 的 C++ 里、主人已经走了，它都会结束。"""
_LOOK = """
import json
try:
    from ray._common.usage.usage_lib import get_cluster_metadata as metadata
except ImportError:
    from ray._private.usage.usage_lib import get_cluster_metadata as metadata
nodes = client.get_all_node_info(timeout=3).values()
alive = [node for node in nodes if not node.state]
print(json.dumps({
    "nodes": [node.node_manager_address for node in alive],
    "resources": [dict(node.resources_total) for node in alive],
    "versions": metadata(client) or {},
}))
"""


@dataclass(frozen=True, slots=True)
class Survey:
    """一个答了话的集群；`resources` 是各节点之和，版本不知道为空。"""

    nodes: tuple[str, ...] = ()
    resources: dict[str, float] = field(default_factory=dict)
    ray: str = ""
    python: str = ""


def survey(address: str, limit_s: float) -> Survey:
    """问 `auto` 或 HOST:PORT；不答、不让进抛 ClusterError，说清修法。

    哪个版本的 Ray 没有所用的私有接口，就只知道它答了话。
    """
    found = locate(address)
    if found is not None:
        Knock.tap(address, found)
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            _ALARM.format(seconds=math.ceil(limit_s)) + ASK + _LOOK,
            address,
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env={**surroundings(address, found), **os.environ},
    )
    if done.returncode < 0:
        why = f"nothing answered as Ray does within {limit_s:g} s"
        raise ClusterError(explain(address, ConnectionError(why)))
    try:
        return _read(json.loads(done.stdout.splitlines()[-1]))
    except (IndexError, ValueError, TypeError, AttributeError):
        pass
    if done.returncode and "AttributeError" not in done.stderr:
        raise ClusterError(explain(address, ConnectionError(done.stderr)))
    return Survey()


def _read(body: dict[str, object]) -> Survey:
    """那个进程的话 → 集群的样子；形状不对抛 TypeError 之类。"""
    nodes, each, versions = body["nodes"], body["resources"], body["versions"]
    if not isinstance(nodes, list) or not isinstance(each, list) or not isinstance(versions, dict):
        raise TypeError
    total: dict[str, float] = {}
    for resources in each:
        for name, amount in resources.items():
            if not name.startswith("node:"):
                total[name] = total.get(name, 0.0) + float(amount)
    return Survey(
        tuple(map(str, nodes)),
        total,
        str(versions.get("ray_version", "")),
        str(versions.get("python_version", "")),
    )
