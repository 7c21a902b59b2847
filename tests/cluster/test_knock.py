"""连 Ray 之前敲门：没人、不是 Ray、集群真在，各是什么下场。"""

import socket
import time

import pytest

from rayeval.errors import ClusterError
from rayeval_actors.knock import Knock

pytestmark = pytest.mark.cluster


def test_a_listener_that_is_not_ray_is_told_within_the_limit():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        began = time.monotonic()
        with (
            Knock(f"127.0.0.1:{port}", ("127.0.0.1", port)) as knock,
            pytest.raises(ClusterError, match=r"did not answer as Ray does.*ray start --head"),
        ):
            knock.answered(3.0)
        assert time.monotonic() - began < 15.0


def test_a_closed_port_is_told_at_once():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ClusterError, match=f"no Ray cluster answers at --address 127.0.0.1:{port}"):
        Knock(f"127.0.0.1:{port}", ("127.0.0.1", port))


def test_auto_without_a_cluster_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setenv("RAY_ADDRESS", "nowhere")
    with Knock("auto", None) as knock, pytest.raises(ClusterError, match="--address auto"):
        knock.answered()
