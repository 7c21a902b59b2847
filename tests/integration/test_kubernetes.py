"""Kubernetes 上的服务，对着仿品：真的 HTTP、真的客户端，Pod 是本机的进程。"""

import socket
import threading
import time

import pytest

from rayeval.domain.events import ServiceReady
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import KubernetesService, Manifest
from rayeval.errors import LaunchError, NotReadyError, TeardownError
from rayeval.service.aftermath import clear_away, sweep_before
from rayeval.service.backoff import Budget
from rayeval.service.launcher import launch
from rayeval.service.owner import this_process
from rayeval.service.readiness import await_ready
from rayeval.service.running import LaunchContext
from tests.kube.cluster import running_cluster
from tests.kube.store import Refusal

POD = """
      containers:
        - name: engine
          image: {image}
          command: [{command}]
          args: [{args}]
          ports: [{{name: http, containerPort: 8000}}]
          readinessProbe: {probe}
"""
DEPLOYMENT = """
apiVersion: apps/v1
kind: {kind}
metadata: {{name: demo, labels: {{app: demo}}}}
spec:
  replicas: ${{REPLICAS:-1}}
  selector: {{matchLabels: {{app: demo}}}}
  template:
    metadata: {{labels: {{app: demo}}}}
    spec:
      nodeSelector: {selector}
"""
SERVICE = """
---
apiVersion: v1
kind: Service
metadata: {name: demo}
spec:
  type: NodePort
  selector: {app: demo}
  ports: [{name: http, port: 8000, targetPort: http}]
"""
MOCK = "mock, --host, 0.0.0.0, --port, '8000', --model, m"
HEALTH = "{httpGet: {path: /health, port: http}}"


def manifest(
    *, kind="Deployment", image="rayeval:dev", command="", args=MOCK, probe=HEALTH, selector="{}"
):
    head = DEPLOYMENT.format(kind=kind, selector=selector)
    return head + POD.format(image=image, command=command, args=args, probe=probe) + SERVICE


# 仿品说走就走，连接断得不体面；那是它的事
ABRUPT = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture
def kube(tmp_path):
    with running_cluster(tmp_path / "kube") as cluster:
        yield cluster
        assert cluster.processes() == []


@pytest.fixture
def scenario(kube):
    def make(text=None, **changes):
        service = KubernetesService(
            manifests=(Manifest(file="demo.yaml", text=text or manifest()),),
            **{"kubeconfig": str(kube.kubeconfig), "service_name": "demo", **changes},
        )
        return Scenario(
            id="k8s_demo",
            mode=Mode.K8S_HYBRID,
            model="m",
            served_model_name="m",
            provider=Provider(id="p"),
            service=service,
        )

    return make


def context(run_id="run-1", owner="me@here/1/1"):
    return LaunchContext(run_id, "127.0.0.1", owner)


def climb(running, budget_s=30.0):
    return list(await_ready(running, health_path="/health", budget=Budget(budget_s)))


def logs(running):
    found = {}
    while pieces := running.new_logs(1 << 20):
        for source, data in pieces:
            found[source] = found.get(source, b"") + data
    return found


def until(condition, limit_s=20.0):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_deployed_ready_logged_to_the_last_line_and_gone(kube, scenario):
    made = scenario(env={"REPLICAS": "2"})
    with launch(made, context()) as running:
        *_, ready = climb(running)
        assert isinstance(ready, ServiceReady)
        assert running.endpoint.base_url == f"http://127.0.0.1:{kube.relays['demo'].port}/v1"
        pods = [v for k, v in kube.store.objects.items() if k[1] == "pods"]
        assert len(pods) == 2
        for pod in pods:
            assert pod["metadata"]["labels"]["rayeval.io/run-id"] == "run-1"
        deployed = kube.store.objects["apps/v1", "deployments", "default", "demo"]
        assert deployed["metadata"]["annotations"]["rayeval.io/owner"] == "me@here/1/1"
        assert running.death() is None
        # 过期与断开都不该丢日志、不该误报
        kube.expire()
        running.stop()
        assert kube.objects() == []
        written = logs(running)
    assert sorted(written) == ["demo-5d4f-0_engine", "demo-5d4f-1_engine"]
    assert all(b"listening on" in data for data in written.values())
    last = {i.lines[-1][1] + b"\n" for i in kube.instances.values()}
    assert {data.splitlines(keepends=True)[-1] for data in written.values()} == last


CHATTY = "i=0; while true; do i=$((i+1)); echo line $i; sleep 0.01; done"
TALK = {"args": "", "probe": "{}", "image": "busybox"}


@ABRUPT
def test_restart_of_the_api_and_expired_watches_lose_nothing(kube, scenario):
    text = manifest(command=f"sh, -c, '{CHATTY}; echo bye'", **TALK)
    with launch(scenario(text), context()) as running:
        until(lambda: running.settle() is None)
        kube.expire()
        kube.restart(0.5)
        until(lambda: kube.instances and len(next(iter(kube.instances.values())).lines) > 150)
        assert running.death() is None
        running.stop()
        [data] = logs(running).values()
        numbers = [int(line.split()[1]) for line in data.splitlines()]
        assert numbers == list(range(1, len(numbers) + 1))
        [instance] = kube.instances.values()
        assert len(numbers) == len(instance.lines)
    assert kube.objects() == []


@pytest.mark.parametrize(
    ("text", "words", "limit_s"),
    [
        (manifest(image="bad/pull"), ["ImagePullBackOff", "event Failed: Failed to pull"], 4),
        (
            manifest(command="sh, -c, 'echo no such model; exit 3'", **TALK),
            ["CrashLoopBackOff", "exited with code 3", "event BackOff"],
            5,
        ),
        (manifest(selector="{npu: yes-please}"), ["finds no node", "node affinity"], 5),
    ],
    ids=["image", "crash", "unschedulable"],
)
def test_what_will_never_be_ready_fails_early_with_the_events(kube, scenario, text, words, limit_s):
    begin = time.monotonic()
    with (
        pytest.raises(LaunchError) as error,
        launch(scenario(text, unschedulable_s=0.3), context()) as running,
    ):
        climb(running, 600)
    assert all(word in str(error.value) for word in words), error.value
    assert time.monotonic() - begin < limit_s * 3
    if "exit 3" in text:
        assert "no such model" in error.value.log_tail
        assert logs(running)["demo-5d4f-0_engine"].count(b"no such model") == 2
    assert b"events:" in logs(running).get("describe", b"events:")
    assert kube.objects() == []


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_quota_is_told_at_once(kube, scenario, kind):
    kube.quota = "exceeded quota: compute, requested: pods=1, used: pods=9, limited: pods=9"
    with (
        pytest.raises(LaunchError, match=f"{kind} demo: .*exceeded quota: compute"),
        launch(scenario(manifest(kind=kind)), context()) as running,
    ):
        climb(running, 600)
    assert kube.objects() == []


def test_object_of_others_is_neither_changed_nor_deleted(kube, scenario):
    fields = [{"manager": "kubectl-client-side-apply", "operation": "Update", "fields": []}]
    metadata = {"name": "demo", "managedFields": fields}
    kube.seed("v1", "Service", "demo", "default", metadata=metadata, spec={"ports": []})
    with (
        pytest.raises(LaunchError, match=r"exists already .*kubectl-client-side-apply.*rename"),
        launch(scenario(), context()),
    ):
        pass
    assert kube.objects() == ["services/demo"]


def test_field_of_others_is_a_conflict_that_names_it(kube, scenario):
    with launch(scenario(), context()) as running:
        climb(running)
        key = ("apps/v1", "deployments", "default", "demo")
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "demo"}}
        body["spec"] = {"replicas": 1}
        kube.store.apply(key, body | {"spec": {"replicas": 1}}, "autoscaler", force=True)
        kube.store.objects[key]["spec"]["replicas"] = 1
        more = scenario(env={"REPLICAS": "3"})
        with (
            pytest.raises(LaunchError, match=r"\.spec\.replicas .*autoscaler") as error,
            launch(more, context()),
        ):
            pass
        assert "leave these fields out" in str(error.value)


def test_two_runs_do_not_share_names(kube, scenario):
    with launch(scenario(), context()):
        with (
            pytest.raises(LaunchError, match=r"belongs to run run-1, started by me@here") as error,
            launch(scenario(), context("run-2")),
        ):
            pass
        assert "rayeval cleanup --run-id run-1" in str(error.value)
        assert "deployments/demo" in kube.objects()
    assert kube.objects() == []


@pytest.mark.parametrize(
    ("status", "words"), [(403, "Role and RoleBinding"), (401, "credentials are refused")]
)
def test_refusals_say_the_mend(kube, scenario, status, words):
    kube.refuse("PATCH", "deployments", Refusal(status, "Refused", "no"))
    with pytest.raises(LaunchError, match=words), launch(scenario(), context()):
        pass
    assert kube.objects() == []


def test_throttling_and_server_errors_pass(kube, scenario):
    for status, reason in ((429, "TooManyRequests"), (500, "InternalError"), (503, "x")):
        for method in ("GET", "PATCH", "DELETE"):
            kube.refuse(method, "(deployments|services|pods)", Refusal(status, reason, "later"), 1)
    with launch(scenario(), context()) as running:
        climb(running)
    assert kube.objects() == []


def test_unknown_kind_and_missing_nodeport(kube, scenario):
    unknown = "apiVersion: x.io/v1\nkind: Engine\nmetadata: {name: e}\n"
    with (
        pytest.raises(LaunchError, match=r"no Engine of x\.io/v1"),
        launch(scenario(unknown), context()),
    ):
        pass
    closed = manifest().replace("type: NodePort", "type: ClusterIP")
    with (
        pytest.raises(LaunchError, match=r"no NodePort for port 'http': its type is ClusterIP"),
        launch(scenario(closed), context()) as running,
    ):
        climb(running)
    assert kube.objects() == []


CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: engines.x.io}
spec:
  group: x.io
  scope: Namespaced
  names: {kind: Engine, plural: engines}
  versions: [{name: v1}]
"""


def test_custom_resources_come_with_their_definition(kube, scenario):
    text = f"apiVersion: x.io/v1\nkind: Engine\nmetadata: {{name: e}}\n---{CRD}---\n{manifest()}"
    with launch(scenario(text), context()) as running:
        climb(running)
        assert "engines/e" in kube.objects()
        assert "customresourcedefinitions/engines.x.io" in kube.objects()
    assert kube.objects() == []


def test_nodes_that_do_not_answer_are_passed_over(kube, scenario):
    status = {"conditions": [{"type": "Ready", "status": "True"}]}
    addresses = [{"type": "InternalIP", "address": "127.0.0.9"}]
    kube.seed("v1", "Node", "a-node", status={**status, "addresses": addresses})
    with launch(scenario(), context()) as running:
        climb(running)
        assert "//127.0.0.1:" in running.endpoint.base_url
    kube.refuse("GET", "^/api/v1/nodes", Refusal(403, "Forbidden", "nodes"))
    with launch(scenario(), context()) as running:
        climb(running)
        assert "//127.0.0.1:" in running.endpoint.base_url


def test_container_that_dies_in_mid_run_is_lost_and_located(kube, scenario):
    with launch(scenario(), context()) as running:
        climb(running)
        [instance] = kube.instances.values()
        instance.process.kill()
        until(lambda: running.death() is not None)
        assert "pod demo-5d4f-0: container engine exited with code 137" in running.death()


def test_stuck_finalizer_is_reported(kube, scenario, monkeypatch):
    monkeypatch.setattr("rayeval.service.kube.apply.GONE_S", 0.5)
    key = ("v1", "services", "default", "demo")
    with launch(scenario(), context()) as running:
        climb(running)
        kube.store.objects[key]["metadata"]["finalizers"] = ["x.io/hold"]
        with pytest.raises(TeardownError, match=r"Service demo .*finalizers x.io/hold") as error:
            running.stop()
    assert "rayeval cleanup --run-id run-1" in str(error.value)
    kube.store.objects[key]["metadata"]["finalizers"] = []
    until(lambda: kube.objects() == [])


@ABRUPT
def test_api_that_is_away_at_teardown_is_said_and_not_waited_for(kube, scenario, monkeypatch):
    monkeypatch.setattr("rayeval.service.kube.apply.FAREWELL_S", 0.5)
    made = scenario()
    with launch(made, context()) as running:
        climb(running)
        away = threading.Thread(target=kube.restart, args=(3.0,))
        away.start()
        until(lambda: not _answers(kube.port))
        with pytest.raises(TeardownError, match="does not answer"):
            running.stop()
    away.join()
    assert clear_away(made, "run-1") == ""
    assert kube.objects() == []


def _answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def test_next_start_sweeps_what_a_dead_owner_left_and_nothing_else(kube, scenario):
    dead = this_process().rpartition("/")[0] + "/1"
    alive = launch(scenario(manifest().replace("demo", "other")), context("alive", this_process()))
    stale = launch(scenario(), context("stale", dead))
    with alive:
        stale.__enter__()
        assert "deployments/demo" in kube.objects()
        sweep_before([scenario()])
        assert kube.objects("deployments") == ["deployments/other"]
        stale.__exit__(None, None, None)
    assert kube.objects() == []


def test_up_but_never_generating_is_its_own_error(kube, scenario):
    faulty = manifest(args=MOCK + ", --fault, hang")
    begin = time.monotonic()
    with (
        pytest.raises(NotReadyError, match=r"a generated token .*did not succeed within .*3 s"),
        launch(scenario(faulty), context()) as running,
    ):
        climb(running, 3)
    assert time.monotonic() - begin < 10
