"""自带的套件各有几个用例：只收集，不跑；进度早早就有总数。"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rayeval.domain.functional import EVERY_SUITE, FunctionalSpec, SuiteSize, SuiteTask
from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint
from rayeval.functional.context import SuiteContext
from rayeval.functional.lines import Collected, Stopped
from rayeval.functional.process import SuiteProcess

_LIMIT_S = 20.0
"""收集至多这么久；数不出来也不要紧，各套件跑起来时自己会说。"""
_POLL_S = 0.25


def counting_task(scenario: Scenario, endpoint: Endpoint, spec: FunctionalSpec) -> SuiteTask:
    """数一数自带的套件。用户的路径不在内：他们的文件只导入一次。"""
    context = SuiteContext("", scenario, endpoint, spec)
    return SuiteTask(EVERY_SUITE, "", spec, context.to_json())


def count_suites(task: SuiteTask, folder: Path) -> Iterator[SuiteSize]:
    """把 `folder` 收集一遍，给出任务里每个套件的个数；数不出来什么也不给。"""
    found = collected(task.context_json, folder, task.spec.select)
    if found is not None:
        sizes = Counter(case_id.partition("/")[0] for case_id in found.ids)
        yield from (SuiteSize(suite, sizes[suite]) for suite in task.spec.suites)


def collected(context_json: str, target: Path, select: str | None) -> Collected | None:
    """一个 pytest 进程只收集 `target`：将要跑哪些。收集不全、太慢、没了，都是 None。"""
    until = time.monotonic() + _LIMIT_S
    with SuiteProcess(context_json, target, select, collect_only=True) as process:
        while time.monotonic() < until:
            ended = process.ended  # 先看死没死再取：它最后的话不会漏
            for line in process.drain() if ended else process.poll(_POLL_S):
                if isinstance(line, Collected | Stopped):
                    return line if isinstance(line, Collected) else None
            if ended:
                return None
    return None
