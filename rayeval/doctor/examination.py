"""体检：各项并排做，各有时限；做完一项给出一项，绝不因一项不答而等下去。"""

from __future__ import annotations

import locale
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from rayeval.doctor import cluster, configuration, machine, network, software
from rayeval.doctor.finding import Finding, State, Told, split_mend
from rayeval.doctor.scene import Scene
from rayeval.errors import ConfigError, InfrastructureError, RayevalError

LIMIT_S = 8.0
"""一项检查的时限，秒；各项并排，所以也是全部的。"""


@dataclass(frozen=True, slots=True)
class Check:
    """一项检查：名字、怎么查、失败时的退出码。"""

    name: str
    look: Callable[[], Told]
    exit_code: int = InfrastructureError.exit_code


def checks(scene: Scene, survey: cluster.Survey) -> tuple[Check, ...]:
    """全部检查，按给人看的次序。"""
    load, config_code = scene.load(), ConfigError.exit_code
    ports = {name: s.port for name, s in scene.local().items() if s.port is not None}
    encodings = getattr(sys.stdout, "encoding", "utf-8"), locale.getpreferredencoding()
    return (
        Check("Python", software.check_python),
        Check("packages", software.check_packages),
        Check("Ray", software.check_ray),
        Check("Ray cluster", partial(cluster.check_cluster, scene, survey)),
        Check("configuration", partial(configuration.check_configuration, scene), config_code),
        Check("datasets", partial(configuration.check_datasets, scene), config_code),
        Check("commands", partial(configuration.check_commands, scene)),
        Check("Kubernetes", partial(network.check_kubernetes, scene)),
        Check("Pushgateway", partial(network.check_pushgateway, scene)),
        Check("proxies", partial(network.check_proxies, scene), config_code),
        Check("service ports", partial(machine.check_service_ports, ports)),
        Check("loopback", machine.check_loopback),
        Check("outgoing ports", partial(machine.check_ephemeral_ports, load)),
        Check("open files", partial(machine.check_open_files, load)),
        Check("processes", machine.check_processes),
        Check("CPUs", machine.check_cpus),
        Check("shared memory", machine.check_shared_memory),
        Check("artifacts", partial(machine.check_disk, scene.artifacts)),
        Check("encoding", partial(software.encoding, *encodings)),
    )


def examine(todo: Sequence[Check], limit_s: float = LIMIT_S) -> Iterator[Finding]:
    """并排做，按做完的先后给出；过了时限还没答的是失败。

    线程都是守护的：卡在系统调用里的不拖住离场。
    """
    done: queue.SimpleQueue[Finding] = queue.SimpleQueue()
    waiting = {check.name: check for check in todo}
    for check in todo:
        threading.Thread(target=lambda c=check: done.put(_conclude(c)), daemon=True).start()
    end = time.monotonic() + limit_s
    while waiting:
        try:
            finding = done.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        waiting.pop(finding.name)
        yield finding
    for check in waiting.values():
        seen = f"no answer within {limit_s:g} s"
        mend = "is what it asks reachable from here, and the machine not overloaded?"
        yield Finding(check.name, State.FAIL, seen, mend, check.exit_code)


def _conclude(check: Check) -> Finding:
    """做一项；它自己的意外也是结论，不是崩溃。"""
    try:
        told = check.look()
    except RayevalError as error:
        seen, mend = split_mend(str(error))
        told = Told(State.FAIL, seen, mend or "mend what it names")
    except Exception as error:  # noqa: BLE001 一项检查的意外不该带走别的
        seen = f"the check itself failed: {type(error).__name__}: {error}"
        told = Told(State.WARN, seen, "report it, with `rayeval --version`")
    return Finding(check.name, told.state, told.seen, told.mend, check.exit_code)
