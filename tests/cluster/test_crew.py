"""Ray 上的压测组与两个节点：散开、失联、起飞前的核对。"""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from rayeval.domain.load import Share
from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.schedule import Slice

pytestmark = [pytest.mark.cluster, pytest.mark.solo]


@pytest.fixture(scope="module")
def two_nodes():
    from ray.cluster_utils import Cluster

    from rayeval_actors.session import session

    cluster = Cluster(
        initialize_head=True, head_node_args={"num_cpus": 1, "node_ip_address": "127.0.0.1"}
    )
    cluster.add_node(num_cpus=1, resources={"NPU": 8}, node_ip_address="127.0.0.1")
    try:
        with session(cluster.address):
            yield cluster
    finally:
        cluster.shutdown()


def shares(endpoint, workers, *, num_requests=20, output_length=20, **changes):
    spec = PerfSpec(**{"control_method": "queue", "warmup": 2, "timeout_s": 30, **changes})
    cell = Cell(32, output_length, concurrency=2 * workers, num_requests=num_requests)
    schedule = spec.schedule(cell.concurrency)
    return [
        Share(endpoint, cell, spec, Slice(schedule, n, workers), epoch=0, salt="crew")
        for n in range(workers)
    ]


def measured_rows(hauls):
    rows = [row for haul in hauls for row in haul.requests.to_pylist()]
    return [row for row in rows if row["phase"] != "warmup"]


def test_every_request_is_issued_exactly_once_over_the_workers(two_nodes, start_mock):
    from rayeval_actors.load import ray_crew

    mock = start_mock("--itl-ms", "1")
    with ray_crew(2) as crew:
        crew.prepare(shares(mock.endpoint, 2))
        crew.go()
        while not crew.wait(0.2):
            assert crew.counters().issued <= 22
        hauls = crew.collect()
    assert [haul.worker for haul in hauls] == [0, 1]
    assert [haul.lost for haul in hauls] == ["", ""]
    assert sorted(row["index"] for row in measured_rows(hauls)) == list(range(20))
    assert mock.stats()["max_in_flight"] <= 4


def test_load_goes_to_the_node_where_the_service_is_not(two_nodes):
    import ray

    from rayeval_actors.load import _strategies

    here = ray.get_runtime_context().get_node_id()
    assert all(strategy.node_id != here for strategy in _strategies(3))


def test_lost_worker_is_said_and_the_others_do_what_it_had_not_taken(two_nodes, start_mock):
    import ray

    from rayeval_actors.load import ray_crew

    mock = start_mock("--itl-ms", "2")
    with ray_crew(3) as crew:
        crew.prepare(shares(mock.endpoint, 3, num_requests=300))
        crew.go()
        while not crew.wait(0.1) and crew.counters().done < 30:
            pass
        ray.kill(crew._hands[1].actor)
        while not crew.wait(0.2):
            crew.counters()
        hauls = crew.collect()
        assert crew.size == 2
    assert [bool(haul.lost) for haul in hauls] == [False, True, False]
    assert hauls[1].requests.num_rows == 0
    assert "Traceback" not in hauls[1].lost
    found = [row["index"] for row in measured_rows(hauls)]
    assert len(found) == len(set(found))
    lost = set(range(300)) - set(found)
    assert len(lost) < 100
    assert max(lost) < 150, "what it had not taken yet is done by the others"
    assert {row["worker"] for row in measured_rows(hauls)} == {0, 2}


def test_workers_on_ray_climb_together_from_a_common_zero(two_nodes, start_mock):
    from rayeval_actors.load import ray_crew

    mock = start_mock("--ttft-ms", "20", "--itl-ms", "1")
    climb = {"growth_rate": 2, "growth_interval": 300, "init_concurrency": 1}
    parts = shares(mock.endpoint, 3, num_requests=150, control_method="climb", climb=climb)
    with ray_crew(3) as crew:
        crew.prepare(parts)
        crew.go()
        while not crew.wait(0.2):
            pass
        rows = measured_rows(crew.collect())
    assert sorted(row["index"] for row in rows) == list(range(150))
    whole = parts[0].schedule.whole
    for row in rows:
        at = row["start_s"]
        level = sum(other["start_s"] <= at < other["end_s"] for other in rows)
        assert level <= whole.permits_at(at)
    assert {row["worker"] for row in rows} == {0, 1, 2}


def test_crew_whose_every_worker_is_dead_says_so_instead_of_measuring_nothing(
    two_nodes, start_mock
):
    import ray

    from rayeval.errors import InfrastructureError
    from rayeval_actors.load import ray_crew

    mock = start_mock()
    with ray_crew(1) as crew:
        ray.kill(crew._hands[0].actor)
        with pytest.raises(InfrastructureError, match="not one load worker could be started"):
            crew.prepare(shares(mock.endpoint, 1))


def test_cancelled_crew_gives_the_rows_it_has(two_nodes, start_mock):
    from rayeval_actors.load import ray_crew

    mock = start_mock("--itl-ms", "20")
    with ray_crew(1) as crew:
        crew.prepare(shares(mock.endpoint, 1, num_requests=1000, output_length=50))
        crew.go()
        crew.wait(0.5)
        crew.cancel()
        while not crew.wait(0.2):
            pass
        [haul] = crew.collect()
    assert 0 < haul.requests.num_rows < 1000
    assert "cancelled" in haul.requests["error_class"].to_pylist()


def test_nodes_with_the_same_code_pass_the_preflight(two_nodes):
    from rayeval_actors.preflight import check_nodes

    check_nodes()


def test_scenario_runs_where_its_custom_resource_is(two_nodes):
    import ray

    from rayeval.pipeline.executor import Kind, Profile
    from rayeval_actors.executor import RayExecutor

    def where(item):
        yield ray.get_runtime_context().get_node_id()

    npu = next(n["NodeID"] for n in ray.nodes() if "NPU" in n["Resources"])
    profile = Profile(Kind.SCENARIO, resources=lambda item: {"NPU": item})
    [first, _] = RayExecutor().fan_out(where, [8.0], profile)
    assert first.event == npu


def test_death_of_the_raylet_is_a_lost_node(two_nodes):
    import ray

    from rayeval.pipeline.executor import Kind, Profile
    from rayeval_actors.executor import RayExecutor

    extra = two_nodes.add_node(num_cpus=1, resources={"ephemeral": 1}, node_ip_address="127.0.0.1")

    def stay(item):
        yield os.getpid()
        threading.Event().wait(60)

    profile = Profile(Kind.SCENARIO, resources=lambda item: {"ephemeral": 1})
    emissions = RayExecutor().fan_out(stay, ["x"], profile)
    worker = next(emissions).event
    two_nodes.remove_node(extra, allow_graceful=False)
    crash = next(emissions).crash
    assert crash.kind in {"node_lost", "worker_died"}
    emissions.close()
    deadline = time.monotonic() + 20
    while Path(f"/proc/{worker}").exists() and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert not Path(f"/proc/{worker}").exists()
    assert ray.is_initialized()


def test_interrupt_on_ray_keeps_the_rows_of_the_cell_in_flight(
    rayeval_run, config, make_scenario, service_processes
):
    load = {
        "concurrency": [1, 2],
        "input_length": [32],
        "output_length": [100],
        "num_requests": [1, 2000],
        "control_method": "queue",
        "workers": 2,
    }
    folder = config(make_scenario("one"), perf=load)
    process = rayeval_run.start(folder, "--address", "local", "--stage", "perf")
    rayeval_run.await_event(process, '"event": "CellFinished"')
    rayeval_run.await_answers(process, "one", 3)  # 进到第二个 cell 里
    process.send_signal(signal.SIGINT)
    done = rayeval_run.finish(process, 60)
    assert done.code == 130, done.out + done.err
    assert done.stages("one")["perf"] == "CANCELLED"
    [_, cell] = done.scenario("one")["cells"]
    assert "the cell was interrupted" in cell["certificate"]["reasons"]
    assert cell["summary"]["succeeded"] > 0
    assert len(list(done.artifacts.glob("perf/one/*/requests_*.csv"))) == 2
    assert "Traceback" not in done.err
    deadline = time.monotonic() + 20
    while service_processes(done.report["run_id"]) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    assert not service_processes(done.report["run_id"])
