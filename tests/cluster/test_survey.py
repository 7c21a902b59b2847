"""看一眼集群：真的集群说出节点与版本；不答的在时限里说完，谁都没有连上去。"""

import socket
import time

import pytest

from rayeval.errors import ClusterError
from rayeval_actors.survey import survey

pytestmark = pytest.mark.cluster


@pytest.fixture
def cluster():
    from ray.cluster_utils import Cluster

    where = {"num_cpus": 1, "node_ip_address": "127.0.0.1"}
    made = Cluster(initialize_head=True, head_node_args=where)
    made.add_node(**where)
    yield made.address
    made.shutdown()


def test_nodes_resources_and_versions_are_seen(cluster):
    import platform

    import ray

    found = survey(cluster, 20.0)
    assert found.nodes == ("127.0.0.1", "127.0.0.1")
    assert found.resources["CPU"] == 2.0
    assert (found.ray, found.python) == (ray.__version__, platform.python_version())
    assert not any(name.startswith("node:") for name in found.resources)


def test_what_does_not_answer_is_told_within_the_limit():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(ClusterError, match="nothing answered as Ray does within 3 s"):
            survey(address, 3.0)
        assert time.monotonic() - began < 15.0
    with pytest.raises(ClusterError, match="refused"):
        survey(address, 3.0)
