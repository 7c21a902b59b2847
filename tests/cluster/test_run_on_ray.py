"""`rayeval run` 在内嵌的 Ray 上：同样的报告；工作进程被杀、Ctrl-C 之后不留活口。"""

import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from tests.rig import ALL_CASES

pytestmark = pytest.mark.cluster

SLOW = {
    "concurrency": [1, 2],
    "input_length": [32],
    "output_length": [50],
    "requests_per_stream": 15,
    "control_method": "queue",
    "workers": 2,
}
MEASURED = re.compile(
    r"_s$|seconds|time|_at$|run_id|score|std|low|high|chars|tokens|qps|throughput"
)


def shape(value, name=""):
    """报告里与测量值无关的部分。"""
    if isinstance(value, dict):
        return {key: shape(item, key) for key, item in value.items() if not MEASURED.search(key)}
    if isinstance(value, list):
        return [shape(item, name) for item in value]
    return type(value).__name__ if isinstance(value, float) else value


def comparable(report):
    """去掉证据、产物名与自证里的数。"""
    scenario = report["scenarios"][0]
    cases = sorted((case["case_id"], case["outcome"]) for case in scenario["cases"])
    cells = [
        {k: v for k, v in shape(cell["summary"]).items() if k not in {"stats", "plateau"}}
        for cell in scenario["cells"]
    ]
    stages = [(stage["stage"], stage["status"]) for stage in scenario["stages"]]
    return cases, cells, stages, scenario["fingerprint"]


def test_ray_gives_the_same_report_as_inline(rayeval_run, config, make_scenario, tmp_path):
    folder = config(make_scenario("one"), functional=ALL_CASES)
    on_ray = rayeval_run(folder, "--address", "local")
    assert on_ray.code == 0, on_ray.out + on_ray.err
    rayeval_run.artifacts = tmp_path / "inline"
    inline = rayeval_run(folder, "--address", "inline")
    assert comparable(on_ray.report) == comparable(inline.report)
    assert "Traceback" not in on_ray.err


def running(rayeval_run):
    [command] = rayeval_run.artifacts.glob("runs/*/command.json")
    return json.loads(command.read_text())["run_id"]


def parent(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])


def guard_of(pids):
    return next(p for p in pids if b"guard.py" in Path(f"/proc/{p}/cmdline").read_bytes())


def until_gone(find, run_id, limit_s=20.0):
    deadline = time.monotonic() + limit_s
    while find(run_id) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not find(run_id)


def test_scenario_worker_killed_in_mid_run(rayeval_run, config, make_scenario, service_processes):
    folder = config(make_scenario("one"), make_scenario("two"), perf=SLOW)
    process = rayeval_run.start(folder, "--address", "local")
    rayeval_run.await_event(process, '"event": "CellFinished"')
    run_id = running(rayeval_run)
    worker = parent(guard_of(service_processes(run_id)))
    os.kill(worker, signal.SIGKILL)
    done = rayeval_run.finish(process)
    assert done.code == 1, done.out + done.err
    stages = {stage["stage"]: stage for stage in done.scenario("one")["stages"]}
    assert stages["perf"]["status"] == "ERROR"
    assert "worker_died" in stages["perf"]["reason"]
    assert stages["accuracy"]["status"] == "SKIPPED"
    assert list(done.artifacts.glob("functional/one/*/junit.xml"))
    assert list(done.artifacts.glob("perf/one/*/requests_*.csv"))
    assert list(done.artifacts.glob("perf/one/*/requests.parquet"))
    assert list(done.artifacts.glob("logs/service_one_*.log"))
    assert set(done.stages("two").values()) == {"PASS"}
    assert until_gone(service_processes, run_id)
    assert "A worker died" not in done.out + done.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_interruption_tears_down_and_still_writes_what_there_is(
    number, rayeval_run, config, make_scenario, service_processes
):
    process = rayeval_run.start(config(make_scenario("one"), perf=SLOW), "--address", "local")
    rayeval_run.await_event(process, '"event": "StageStarted", "stage": "perf"')
    process.send_signal(number)
    time.sleep(0.2)
    process.send_signal(number)
    done = rayeval_run.finish(process, 60)
    assert done.code == 130, done.out + done.err
    assert done.stages("one")["perf"] == "CANCELLED"
    assert list(done.artifacts.glob("functional/one/*/junit.xml"))
    assert until_gone(service_processes, done.report["run_id"])
    assert "Traceback" not in done.err


def test_no_cluster_answering_is_told_with_the_mend(rayeval_run, config, make_scenario):
    done = rayeval_run(config(make_scenario("one")), "--address", "127.0.0.1:1")
    assert done.code == 3
    assert "127.0.0.1:1" in done.err
    assert "ray start --head" in done.err
    assert "Traceback" not in done.err


def test_run_on_a_cluster_that_already_stands(
    two_node_cluster, rayeval_run, config, make_scenario, service_processes
):
    folder = config(make_scenario("one"), make_scenario("two"))
    done = rayeval_run(folder, "--address", two_node_cluster)
    assert done.code == 0, done.out + done.err
    assert set(done.stages("one").values()) == set(done.stages("two").values()) == {"PASS"}
    assert service_processes(done.report["run_id"]) == []


@pytest.fixture
def two_node_cluster():
    from ray.cluster_utils import Cluster

    where = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
    cluster = Cluster(initialize_head=True, head_node_args=where)
    cluster.add_node(**where)
    yield cluster.address
    cluster.shutdown()
