"""`rayeval doctor`：真的进程、真的端口；网络不作声也在几秒里说完，密钥不出现。"""

import contextlib
import json
import signal
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.rig import MOCK

DEMO = Path(__file__).parents[2] / "configs" / "demo"
KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "http://127.0.0.1:PORT"}}]
users: [{name: u, user: {token: hush-hush-token}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
"""


@pytest.fixture
def doctor(rayeval_run):
    def call(*words, **env):
        done = rayeval_run.finish(rayeval_run.launch("doctor", *words, **env), 120.0)
        assert "Traceback" not in done.err
        return done

    return call


@pytest.fixture
def examine(doctor):
    def call(*words, **env):
        done = doctor("--json", *words, **env)
        body = json.loads(done.out)
        assert body["exit_code"] == done.code
        checks = {check["name"]: check for check in body["checks"]}
        assert all(c["mend"] for c in checks.values() if c["state"] in {"warn", "fail"})
        return done.code, checks

    return call


@pytest.fixture
def silent():
    """有人听、永远不答的端口。"""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def gateway():
    """`/-/ready` 答给定状态码的网关。"""
    servers = []

    def start(status):
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(status if self.path == "/-/ready" else 404)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_the_demo_is_in_order_and_the_table_ends_in_a_summary(doctor):
    done = doctor("--config", DEMO)
    assert done.code == 0, done.out
    assert "configs/demo is valid" in done.out
    assert done.out.splitlines()[-1].startswith("nothing to mend")


def test_without_a_configuration_it_still_looks(examine):
    code, checks = examine()
    assert code == 0
    assert checks["configuration"]["state"] == "skip"
    assert checks["Ray"]["state"] == "ok"


def test_a_broken_configuration_is_exit_code_2(examine, tmp_path):
    code, checks = examine("--config", tmp_path / "nowhere")
    assert code == 2
    assert "no such directory" in checks["configuration"]["seen"]


@pytest.mark.parametrize(("status", "state"), [(200, "ok"), (503, "warn"), (401, "warn")])
def test_the_gateway_is_asked_whether_it_is_ready(examine, gateway, status, state):
    url = gateway(status)
    secret = url.replace("http://", "http://user:hush-hush@")
    code, checks = examine(PROM_PUSHGATEWAY_URL=secret)
    assert (code, checks["Pushgateway"]["state"]) == (0, state)
    assert "hush-hush" not in json.dumps(checks)


def test_a_gateway_that_is_required_and_gone_is_a_failure(examine, config, make_scenario, silent):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    push = {"url": f"http://127.0.0.1:{port}", "required": True}
    code, checks = examine("--config", config(make_scenario("one"), push=push))
    assert (code, checks["Pushgateway"]["state"]) == (3, "fail")


def test_a_scenarios_port_in_use_is_told(examine, config, make_scenario, silent):
    folder = config(make_scenario("one", service={"command": MOCK, "port": silent}))
    code, checks = examine("--config", folder)
    assert code == 3
    assert checks["service ports"]["seen"] == f"{silent} is in use (one)"
    _, elsewhere = examine("--config", folder, "--address", f"127.0.0.1:{silent}")
    assert elsewhere["service ports"]["state"] == "skip"


def test_a_silent_network_is_told_within_seconds(examine, config, make_scenario, silent, tmp_path):
    (tmp_path / "kubeconfig").write_text(KUBECONFIG.replace("PORT", str(silent)))
    manifest = tmp_path / "configs" / "deploy" / "one.yaml"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(
        "apiVersion: v1\nkind: Service\nmetadata: {name: one}\n"
        "spec: {type: NodePort, ports: [{name: http, port: 8000}]}\n"
    )
    k8s = {
        "kubeconfig": str(tmp_path / "kubeconfig"),
        "manifests": ["../deploy/one.yaml"],
        "service_name": "one",
    }
    made = make_scenario("one", mode="k8s-hybrid", k8s=k8s, service={"startup_timeout_s": 30})
    push = {"url": f"http://127.0.0.1:{silent}"}
    began = time.monotonic()
    code, checks = examine(
        *("--config", config(made, push=push)), "--address", f"127.0.0.1:{silent}"
    )
    took = time.monotonic() - began
    assert checks["configuration"]["state"] == "ok", checks["configuration"]
    assert code == 3
    assert {name: checks[name]["state"] for name in ("Ray cluster", "Kubernetes")} == {
        "Ray cluster": "fail",
        "Kubernetes": "fail",
    }
    assert checks["Pushgateway"]["state"] == "warn"
    assert "hush-hush" not in json.dumps(checks)
    assert took < 20.0  # 各项八秒，加上一台忙的机器导入的工夫


def test_ctrl_c_ends_it_at_once(rayeval_run, silent):
    process = rayeval_run.launch("doctor", "--address", f"127.0.0.1:{silent}")
    await_child(process.pid)
    process.send_signal(signal.SIGINT)
    done = rayeval_run.finish(process, 30.0)
    assert done.code == 130
    assert "Traceback" not in done.err


def await_child(pid, limit_s=30.0):
    """等到它起了子进程（在敲集群的门）：那时检查都已经在做。"""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # 线程恰好结束了
                if (task / "children").read_text().split():
                    return
        time.sleep(0.01)
    raise AssertionError("no child")
