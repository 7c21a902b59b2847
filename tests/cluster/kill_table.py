"""中断与死亡的表：什么时候、谁、怎么没的，之后还剩什么。

    python -m tests.cluster.kill_table                 全部格子，约十分钟
    python -m tests.cluster.kill_table --how sigint    只一种死法
    python -m tests.cluster.kill_table --at ready --at perf

每一格跑一次 `rayeval run --address local`：一个本地服务与一个（仿的）Kubernetes 上的服务同时跑。
之后（驱动端被 SIGKILL 的再跑一次 `rayeval cleanup`）不该剩进程、对象、端口。
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rayeval.service.owner import started
from tests.kube.cluster import Cluster, running_cluster
from tests.rig import ALL_CASES, SAMPLE, scenario, write_config

MOMENTS = {
    "start": '"event": "StageStarted"',
    "ready": '"event": "StageStarted", "stage": "ready"',
    "functional": '"event": "StageStarted", "stage": "functional"',
    "perf": '"event": "StageStarted", "stage": "perf"',
    "teardown": '"event": "StageStarted", "stage": "teardown"',
}
HOWS = ("sigint", "sigint-twice", "sigterm", "kill-driver", "kill-worker", "kill-raylet")
LIMIT_S = 120.0
GONE_S = 30.0
PERF = {
    "concurrency": [1],
    "input_length": [32],
    "output_length": [64],
    "num_requests": [40],
    "control_method": "queue",
    "workers": 2,
}
MANIFEST = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: demo}
spec:
  selector: {matchLabels: {app: demo}}
  template:
    metadata: {labels: {app: demo}}
    spec:
      containers:
        - name: mock
          image: rayeval:dev
          args: [mock, --host, 0.0.0.0, --port, "8000", --model, tiny, --itl-ms, "2"]
          ports: [{name: http, containerPort: 8000}]
          readinessProbe: {httpGet: {path: /health, port: http}}
---
apiVersion: v1
kind: Service
metadata: {name: demo}
spec:
  type: NodePort
  selector: {app: demo}
  ports: [{name: http, port: 8000, targetPort: http}]
"""


@dataclass(frozen=True)
class Cell:
    """一格的结果。"""

    how: str
    moment: str
    code: int | None
    seconds: float
    left: tuple[str, ...]

    def __str__(self) -> str:
        ended = "killed" if self.code is not None and self.code < 0 else f"exit {self.code}"
        verdict = "; ".join(self.left) or "nothing left"
        return (
            f"| {self.how:13} | {self.moment:10} | {ended:8} | {self.seconds:5.1f} s | {verdict} |"
        )


def play(how: str, moment: str, folder: Path) -> Cell:
    """跑一格。"""
    with running_cluster(folder / "kube") as cluster:
        config = _config(folder, cluster)
        command = [sys.executable, "-m", "rayeval.cli"]
        artifacts = folder / "artifacts"
        flags = ["--config", str(config), "--artifacts", str(artifacts), "--parallel", "2"]
        with (folder / "output").open("wb") as output:
            driver = subprocess.Popen(
                [*command, "run", "--address", "local", *flags],
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            _await(artifacts, MOMENTS[moment], driver)
            family = {pid: started(pid) for pid in _descendants(driver.pid)}
            sockets = _listening(family)
            begin = time.monotonic()
            _strike(how, driver, family)
            code = _end(driver)
            if how == "kill-driver":
                subprocess.run(
                    [*command, "cleanup", "--run-id", _run_id(artifacts), "--artifacts", artifacts],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
            left = _left(family, sockets, cluster)
            return Cell(how, moment, code, time.monotonic() - begin, left)
        finally:
            with contextlib.suppress(ProcessLookupError):
                driver.kill()
            driver.wait()


def _config(folder: Path, cluster: Cluster) -> Path:
    deploy = folder / "configs" / "deploy" / "demo.yaml"
    deploy.parent.mkdir(parents=True)
    deploy.write_text(MANIFEST, encoding="utf-8")
    k8s = {
        "kubeconfig": str(cluster.kubeconfig),
        "manifests": ["../deploy/demo.yaml"],
        "service_name": "demo",
    }
    remote = scenario("remote", mode="k8s-hybrid", k8s=k8s, service={"startup_timeout_s": 60})
    assert SAMPLE.is_file()
    # 功能阶段要有得打断：用例少了，它在下手之前就过去了
    scenarios = scenario("local"), remote
    return write_config(folder / "configs", *scenarios, perf=PERF, functional=ALL_CASES)


def _await(artifacts: Path, text: str, driver: subprocess.Popen[bytes]) -> None:
    """等这一刻：两个场景都到了（第一刻除外）。"""
    wanted = 1 if "stage" not in text else 2
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline and driver.poll() is None:
        for path in artifacts.glob("runs/*/events.jsonl"):
            if path.read_text(encoding="utf-8").count(text) >= wanted:
                return
        time.sleep(0.01)
    raise AssertionError(f"never saw {text}")


def _strike(how: str, driver: subprocess.Popen[bytes], family: dict[int, str]) -> None:
    if how.startswith("sigint"):
        driver.send_signal(signal.SIGINT)
        if how.endswith("twice"):
            time.sleep(0.3)
            driver.send_signal(signal.SIGINT)
    elif how == "sigterm":
        driver.send_signal(signal.SIGTERM)
    elif how == "kill-driver":
        driver.kill()
    else:
        title = b"ray::rayeval.scenario" if how == "kill-worker" else b"raylet/raylet"
        victims = [pid for pid in family if title in _read(pid, "cmdline")]
        assert victims, f"no {title!r} among {len(family)} processes"
        os.kill(victims[0], signal.SIGKILL)


def _end(driver: subprocess.Popen[bytes]) -> int | None:
    try:
        return driver.wait(LIMIT_S)
    except subprocess.TimeoutExpired:
        return None


def _left(family: dict[int, str], sockets: set[str], cluster: Cluster) -> tuple[str, ...]:
    """剩下的进程、对象、端口；给它们 GONE_S 秒。"""
    deadline = time.monotonic() + GONE_S
    while True:
        alive = [pid for pid, start in family.items() if started(pid) == start and start]
        ports = sockets & _all_listening()
        left = [f"process {pid} {_read(pid, 'cmdline')[:60]!r}" for pid in alive]
        left += [f"object {name}" for name in cluster.objects()]
        left += [f"pod process {pid}" for pid in cluster.processes()]
        left += [f"port {inode}" for inode in ports]
        if not left or time.monotonic() > deadline:
            return tuple(left)
        time.sleep(0.1)


def _run_id(artifacts: Path) -> str:
    [command] = artifacts.glob("runs/*/command.json")
    return json.loads(command.read_text(encoding="utf-8"))["run_id"]


def _descendants(root: int) -> list[int]:
    parents = {}
    for folder in Path("/proc").glob("[0-9]*"):
        stat = _read(int(folder.name), "stat")
        if stat:
            parents[int(folder.name)] = int(stat.rpartition(b")")[2].split()[1])
    found, frontier = [root], {root}
    while frontier:
        frontier = {pid for pid, parent in parents.items() if parent in frontier}
        found += sorted(frontier)
    return found


def _listening(pids: dict[int, str]) -> set[str]:
    """这些进程在听的套接字（inode）。"""
    owned = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for entry in Path(f"/proc/{pid}/fd").iterdir():
                with contextlib.suppress(OSError):
                    target = str(entry.readlink())
                    if target.startswith("socket:["):
                        owned.add(target[8:-1])
    return owned & _all_listening()


def _all_listening() -> set[str]:
    inodes = set()
    for name in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                inodes.add(fields[9])
    return inodes


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def main() -> int:
    parse = argparse.ArgumentParser(description="Kill a run in every way, at every moment.")
    parse.add_argument("--how", action="append", choices=HOWS)
    parse.add_argument("--at", action="append", choices=list(MOMENTS))
    args = parse.parse_args()
    print("| how | at | ended | after | left |\n|---|---|---|---|---|", flush=True)
    bad = 0
    for how in args.how or HOWS:
        for moment in args.at or MOMENTS:
            with tempfile.TemporaryDirectory() as folder:
                try:
                    cell = play(how, moment, Path(folder))
                except AssertionError as error:
                    output = Path(folder, "output").read_text(errors="replace")[-2000:]
                    print(f"| {how} | {moment} | did not get there: {error} |\n{output}")
                    bad += 1
                    continue
            bad += bool(cell.left)
            print(cell, flush=True)
    return min(bad, 1)


if __name__ == "__main__":
    sys.exit(main())
