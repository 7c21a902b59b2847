"""意图 → Ray 选项：唯一的一张表。

测量从不由 Ray 悄悄重来（Ray 默认在工作进程崩溃后重试三次），所以 max_retries 处处为 0；
可重来的活由执行者自己按 Profile.retries 整件重来。等待的活不占 CPU（num_cpus=0），
加速器与自定义资源只为场景占。背压：生产者至多超前 16 个未取走的事件。
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayeval.pipeline.executor import Kind

BACKPRESSURE = 16

_COMMON: Mapping[str, Any] = {
    "num_returns": "streaming",
    "num_cpus": 0,
    "max_retries": 0,
    "_generator_backpressure_num_objects": BACKPRESSURE,
}
TASKS: Mapping[Kind, Mapping[str, Any]] = {
    Kind.SCENARIO: {**_COMMON, "scheduling_strategy": "SPREAD"},
    Kind.SUITE: {**_COMMON, "scheduling_strategy": "DEFAULT"},
    Kind.SHARD: {**_COMMON, "scheduling_strategy": "SPREAD"},
}
LOAD_ACTOR: Mapping[str, Any] = {
    "num_cpus": 0,
    "max_restarts": 0,
    "max_task_retries": 0,
    "max_concurrency": 4,  # 一个线程在跑，其余答 counters 与 cancel
}


def deal_actor(workers: int) -> dict[str, Any]:
    """发号者的 Ray 选项：每个等零点的压测者占一个线程，此外还要有人发号。"""
    return {
        "num_cpus": 0,
        "max_restarts": 0,
        "max_task_retries": 0,
        "max_concurrency": workers + 4,
    }


def task_options(kind: Kind, resources: Mapping[str, float]) -> dict[str, Any]:
    """一件活的 Ray 选项；`resources` 里的 num_gpus 单列，其余是自定义资源。"""
    custom = {name: amount for name, amount in resources.items() if name != "num_gpus" and amount}
    options = {
        **TASKS[kind],
        "name": f"rayeval.{kind.value}",  # 也是进程的标题，ps 里认得出
        "num_gpus": resources.get("num_gpus", 0.0),
    }
    if custom:
        options["resources"] = custom
    return options
