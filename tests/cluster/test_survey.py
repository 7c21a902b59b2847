"""看一眼集群：真的集群说出节点与版本；不答的在时限里说完，谁都没有连上去。"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rayeval.errors import ClusterError
from rayeval_actors.knock import Knock
from rayeval_actors.session import locate
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


@pytest.fixture
def guarded(monkeypatch):
    """本机记录在案、要令牌的集群；令牌在主目录里，而 RAY_AUTH_MODE 没有说。"""
    with tempfile.TemporaryDirectory(prefix="ray-") as short:  # 套接字的路径不能长
        home = Path(short)
        (home / ".ray").mkdir()
        (home / ".ray" / "auth_token").write_text("hush-hush-hush-hush")
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", short)
        monkeypatch.setenv("RAY_TMPDIR", short)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        head = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        head += [f"--port={port}", "--node-ip-address=127.0.0.1", "--num-cpus=1"]
        head += ["--include-dashboard=false", "--disable-usage-stats"]
        server = {"RAY_AUTH_MODE": "token", "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
        with (home / "log").open("wb") as log:
            process = subprocess.Popen(
                head, env=os.environ | server, stdout=log, stderr=log, start_new_session=True
            )
        record = home / "ray" / "ray_current_cluster"
        try:
            end = time.monotonic() + 60
            while not record.is_file() or not record.read_text().strip():
                assert process.poll() is None, (home / "log").read_text()
                assert time.monotonic() < end
                time.sleep(0.05)
            yield f"127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)  # SIGTERM 会等它的孩子，有时等不到头
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def test_auto_uses_the_token_at_hand_as_ray_does_and_an_address_wants_the_mode(guarded):
    assert survey("auto", 20.0).nodes == ("127.0.0.1",)
    with Knock("auto", locate("auto")) as knock:
        knock.answered()
    with pytest.raises(ClusterError, match="export RAY_AUTH_MODE=token"):
        survey(guarded, 20.0)
