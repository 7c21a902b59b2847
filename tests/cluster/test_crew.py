"""Ray 上的压测组与两个节点：散开、失联、起飞前的核对。"""

import os
import threading
import time
from pathlib import Path

import pytest

from rayeval.domain.load import Share
from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.schedule import Slice

pytestmark = pytest.mark.cluster


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


def shares(endpoint, workers, *, num_requests=20, output_length=20):
    spec = PerfSpec(control_method="queue", warmup=2, timeout_s=30)
    cell = Cell(32, output_length, concurrency=2 * workers, num_requests=num_requests)
    schedule = spec.schedule(cell.concurrency)
    return [
        Share(endpoint, cell, spec, Slice(schedule, n, workers), epoch=0, salt="crew")
        for n in range(workers)
    ]


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
    measured = [
        index
        for haul in hauls
        for index, phase in zip(
            haul.requests["index"].to_pylist(), haul.requests["phase"].to_pylist(), strict=True
        )
        if phase != "warmup"
    ]
    assert sorted(measured) == list(range(20))
    assert mock.stats()["max_in_flight"] <= 4


def test_load_goes_to_the_node_where_the_service_is_not(two_nodes):
    import ray

    from rayeval_actors.load import _strategies

    here = ray.get_runtime_context().get_node_id()
    assert all(strategy.node_id != here for strategy in _strategies(3))


def test_lost_worker_is_said_and_the_other_counts_on(two_nodes, start_mock):
    import ray

    from rayeval_actors.load import ray_crew

    mock = start_mock("--itl-ms", "5")
    with ray_crew(2) as crew:
        crew.prepare(shares(mock.endpoint, 2, num_requests=40, output_length=50))
        crew.go()
        threading.Timer(0.3, ray.kill, [crew._actors[1]]).start()
        while not crew.wait(0.2):
            crew.counters()
        first, second = crew.collect()
        assert first.lost == ""
        assert first.requests.num_rows == 21
        assert second.requests.num_rows == 0
        assert second.lost
        assert "Traceback" not in second.lost
        survivors = crew.counters()
    assert survivors.done >= 20


def test_crew_whose_every_worker_is_dead_says_so_instead_of_measuring_nothing(
    two_nodes, start_mock
):
    import ray

    from rayeval.errors import InfrastructureError
    from rayeval_actors.load import ray_crew

    mock = start_mock()
    with ray_crew(1) as crew:
        ray.kill(crew._actors[0])
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
