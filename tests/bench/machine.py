"""这台机器：核怎么分、叫什么、测的时候静不静。"""

from __future__ import annotations

import os
import platform
import resource
import time
from datetime import datetime
from pathlib import Path

MAX_LOAD = 0.5
MAX_STEAL = 0.01
MAX_OTHERS = 0.03
_TICK = os.sysconf("SC_CLK_TCK")


def cores() -> list[int]:
    """可用的逻辑核：先每个物理核一个，再是它们的超线程兄弟。"""
    found = sorted(os.sched_getaffinity(0))
    return sorted(found, key=lambda core: (_siblings(core).index(core), core))


def _siblings(core: int) -> list[int]:
    path = Path(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError:
        return [core]
    found: list[int] = []
    for part in text.split(","):
        low, _, high = part.partition("-")
        found += range(int(low), int(high or low) + 1)
    return found if core in found else [core]


def describe() -> dict[str, str]:
    return {
        "date": datetime.now().astimezone().isoformat(timespec="minutes"),
        "cpu": _cpu_name(),
        "cores": str(len(os.sched_getaffinity(0))),
        "kernel": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def _cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


class Quiet:
    """从构造到 noise() 之间，别人用了多少这台机器。"""

    def __init__(self) -> None:
        self._load = os.getloadavg()[0]
        self._wall = time.monotonic()
        self._busy, self._steal = _stat()
        self._ours = _ours()

    def noise(self) -> list[str]:
        """哪里不静，一条一句；静则为空。"""
        wall, count = time.monotonic() - self._wall, os.cpu_count() or 1
        busy, steal = _stat()
        stolen = (steal - self._steal) / (wall * count)
        others = ((busy - self._busy) - (_ours() - self._ours)) / wall
        found = []
        if self._load > MAX_LOAD:
            found.append(f"load average {self._load:.2f} at the start")
        if stolen > MAX_STEAL:
            found.append(f"the hypervisor stole {stolen:.1%} of the time")
        if others > MAX_OTHERS:
            found.append(f"other processes used {others:.0%} of a core")
        return found


def _stat() -> tuple[float, float]:
    """（进程们用掉的 CPU，被偷走的）秒；中断不算，它们多半正是我们的网络。"""
    first = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0].split()[1:]
    user, nice, system, _, _, _, _, steal = (int(field) / _TICK for field in first[:8])
    return user + nice + system, steal


def _ours() -> float:
    """我们与收走了的子进程用掉的 CPU，秒。"""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
