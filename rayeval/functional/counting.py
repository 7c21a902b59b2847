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
from rayeval.functional.lines import Collected
from rayeval.functional.process import SuiteProcess

_LIMIT_S = 20.0
"""收集至多这么久；数不出来也不要紧，各套件跑起来时自己会说。"""
_POLL_S = 0.25


def counting_task(scenario: Scenario, endpoint: Endpoint, spec: FunctionalSpec) -> SuiteTask:
    """数一数自带的套件。用户的路径不在内：他们的文件只导入一次。"""
    context = SuiteContext("", scenario, endpoint, spec)
    return SuiteTask(EVERY_SUITE, "", spec, context.to_json())


def count_suites(task: SuiteTask, folder: Path) -> Iterator[SuiteSize]:
    """一个 pytest 进程把 `folder` 收集一遍，给出任务里每个套件的个数；数不出来什么也不给。"""
    until = time.monotonic() + _LIMIT_S
    select = task.spec.select
    with SuiteProcess(task.context_json, folder, select, collect_only=True) as process:
        while time.monotonic() < until:
            ended = process.ended  # 先看死没死再取：它最后的话不会漏
            for line in process.drain() if ended else process.poll(_POLL_S):
                if isinstance(line, Collected):
                    found = Counter(case_id.partition("/")[0] for case_id in line.ids)
                    yield from (SuiteSize(suite, found[suite]) for suite in task.spec.suites)
                    return
            if ended:
                return
