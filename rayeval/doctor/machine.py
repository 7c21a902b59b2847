"""这台机器：核、打开文件与进程的上限、共享内存、磁盘、端口。判断是纯的，读数在文件末尾。"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from rayeval.doctor.finding import Told, fail, ok, skip, warn
from rayeval.doctor.scene import Load
from rayeval.service.ports import is_free

GIB = 1 << 30
SPARE_FILES = 256
"""连接之外一个进程还开着的：库、日志、管道。"""
RAY_FILES = 4096
"""Ray 自己要的；Ray 的文档建议 65536，少于这些时它的节点会出怪事。"""
PROCESSES = 4096
"""Ray 的一个节点连同线程要用的量级。"""
SHM = GIB // 2
DISK_LOW, DISK_EMPTY = 2 * GIB, GIB // 4
SHM_HOME = "/dev/shm"  # noqa: S108 就是要看它
UNLIMITED = resource.RLIM_INFINITY


def cpus(usable: int, quota: float | None) -> Told:
    """几个核可用；`quota` 是 cgroup 的限额（核数），没有限额为 None。"""
    seen = f"{usable} usable"
    if quota is not None and quota < usable:
        seen += f", but the container's quota is {quota:g}"
        mend = f"raise the quota; until then, start Ray with --num-cpus={max(1, int(quota))}"
        return warn(seen, mend)
    if usable <= 1:
        return warn(seen, "load and service share one core: give it more, or measure elsewhere")
    return ok(seen)


def open_files(soft: int, hard: int, load: Load | None) -> Told:
    """打开文件的上限够最重的压测用吗。"""
    needed = SPARE_FILES + (load.one_worker if load else 0)
    why = f"; {load.one_worker} connections in one load worker" if load else ""
    seen = f"{_amount(soft)} (hard {_amount(hard)}){why}"
    room = hard == UNLIMITED or hard >= max(needed, RAY_FILES)
    mend = f"ulimit -n {max(needed, RAY_FILES)}"
    if not room:
        mend = f"raise the hard limit (limits.conf, --ulimit nofile=…) and {mend}"
    if soft != UNLIMITED and soft < needed:
        return fail(seen, mend)
    if soft != UNLIMITED and soft < RAY_FILES:
        return warn(f"{seen}; Ray wants {RAY_FILES}", mend)
    return ok(seen)


def processes(soft: int) -> Told:
    """进程与线程的上限。"""
    if soft not in {UNLIMITED, -1} and soft < PROCESSES:
        return warn(
            f"{soft} processes and threads; Ray wants {PROCESSES}", f"ulimit -u {PROCESSES}"
        )
    return ok(_amount(soft))


def shared_memory(total: int | None, free: int | None) -> Told:
    """共享内存，Ray 的对象仓库住在那里；没有则为 None。"""
    if total is None or free is None:
        return warn(f"{SHM_HOME} is not there", "mount a tmpfs there: Ray keeps its objects in it")
    seen = f"{SHM_HOME}: {_gib(free)} free of {_gib(total)}"
    if free < SHM:
        return warn(seen, "free it, or give the container --shm-size=2g: Ray is slow without")
    return ok(seen)


def disk(where: Path, free: int, trouble: str | None) -> Told:
    """产物的目录写得进、放得下吗；`trouble` 是试写的错，写得进为 None。"""
    if trouble is not None:
        return fail(f"{where}: {trouble}", "choose another --artifacts directory")
    seen = f"{where}: writable, {_gib(free)} free"
    if free < DISK_EMPTY:
        return fail(seen, "free some space, or choose another --artifacts directory")
    if free < DISK_LOW:
        return warn(seen, "a daily run writes some GiB: free some space")
    return ok(seen)


def ephemeral_ports(first: int, last: int, load: Load | None) -> Told:
    """出站端口够最高的并发用吗：到同一个地址，一条连接占一个。"""
    count = last - first + 1
    seen = f"{first} to {last}, {count} of them"
    streams = load.streams if load else 0
    if count < streams:
        mend = f"sysctl -w net.ipv4.ip_local_port_range='15000 60999' (needs {streams})"
        return fail(f"{seen}; the profiles open {streams} connections", mend)
    if count < 2 * streams:  # 刚关掉的还要占一分钟
        mend = "sysctl -w net.ipv4.ip_local_port_range='15000 60999'"
        return warn(f"{seen}; {streams} connections, and closed ones linger", mend)
    return ok(seen)


def service_ports(wanted: Mapping[str, int], free: Callable[[int], bool]) -> Told:
    """场景里写死的端口空着吗；`free` 问一个端口。"""
    if not wanted:
        return skip("no local scenario names a port; each gets a free one")
    busy = {name: port for name, port in wanted.items() if not free(port)}
    if busy:
        seen = ", ".join(f"{port} is in use ({name})" for name, port in busy.items())
        return fail(seen, "end what listens there, or leave service.port out of the scenario")
    return ok(", ".join(str(port) for port in sorted(set(wanted.values()))) + " free")


def check_cpus() -> Told:
    """本进程能用的核，与 cgroup v2 的限额。"""
    quota = None
    file = Path("/sys/fs/cgroup/cpu.max")
    try:
        spent, _, period = file.read_text(encoding="ascii").partition(" ")
        quota = None if spent == "max" else int(spent) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        pass
    return cpus(len(os.sched_getaffinity(0)), quota)


def check_open_files(load: Load | None) -> Told:
    """本进程的上限，子进程都继承它。"""
    return open_files(*resource.getrlimit(resource.RLIMIT_NOFILE), load)


def check_processes() -> Told:
    """本用户的上限。"""
    return processes(resource.getrlimit(resource.RLIMIT_NPROC)[0])


def check_shared_memory() -> Told:
    """挂在那里的文件系统。"""
    try:
        usage = shutil.disk_usage(SHM_HOME)
    except OSError:
        return shared_memory(None, None)
    return shared_memory(usage.total, usage.free)


def check_disk(artifacts: Path) -> Told:
    """产物目录，还没有时是它最近的上级；试写一个没有名字的文件。"""
    place = artifacts.absolute()
    while not place.exists():
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"probe\n")
            file.flush()
        return disk(artifacts, shutil.disk_usage(place).free, None)
    except OSError as error:
        return disk(artifacts, 0, f"{error.strerror or error} ({place})")


def check_ephemeral_ports(load: Load | None) -> Told:
    """内核给出站连接用的端口；不是 Linux 就不知道。"""
    try:
        text = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii")
        first, last = map(int, text.split())
    except (OSError, ValueError):
        return skip("the range is not to be read here")
    return ephemeral_ports(first, last, load)


def check_loopback() -> Told:
    """回环上绑得了端口吗。"""
    try:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            return ok(f"127.0.0.1 can be bound (got port {listener.getsockname()[1]})")
    except OSError as error:
        return fail(f"127.0.0.1 can't be bound: {error.strerror}", "bring lo up: ip link set lo up")


def check_service_ports(wanted: Mapping[str, int]) -> Told:
    """逐个问。"""
    return service_ports(wanted, lambda port: is_free("127.0.0.1", port))


def _amount(limit: int) -> str:
    """一个上限。"""
    return "unlimited" if limit in {UNLIMITED, -1} else f"{limit:,}"


def _gib(size: int) -> str:
    """字节数。"""
    return f"{size / GIB:.1f} GiB"
