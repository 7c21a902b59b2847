"""本地服务：启动、就绪、日志、收场；看守在任何死法之后都不留活口。"""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from rayeval.domain.events import RungReached, ServiceReady
from rayeval.domain.scenario import Mode, Provider, Scenario
from rayeval.domain.service import ExternalService, KubernetesService, LocalService, Manifest
from rayeval.errors import LaunchError, NotReadyError
from rayeval.service.backoff import Budget
from rayeval.service.external import ExternalRunning
from rayeval.service.launcher import launch
from rayeval.service.readiness import await_ready
from rayeval.service.running import LaunchContext

CONTEXT = LaunchContext("run-test", "127.0.0.1")
MOCK = ("{python}", "-m", "rayeval.mock", "--host", "{host}", "--port", "{port}")


def scenario(*command, served="mock", **service):
    return Scenario(
        id="local",
        mode=Mode.LOCAL,
        model="m",
        served_model_name=served,
        provider=Provider(id="p"),
        service=LocalService(command=command, **service),
    )


def climb(running, budget_s=20.0):
    return list(await_ready(running, health_path="/health", budget=Budget(budget_s)))


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]


def until(condition, limit_s=20.0):
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


def test_service_becomes_ready_and_is_gone_afterwards():
    with launch(scenario(*MOCK), CONTEXT) as running:
        *notes, ready = climb(running)
        assert isinstance(ready, ServiceReady)
        assert notes[0].note == "waiting for service in place"
        rungs = [step.step.rung for step in notes if isinstance(step, RungReached)]
        assert rungs[1:3] == ["/health", "/v1/models"]
        assert len(rungs) == 5
        assert running.death() is None
        running.stop()
        log = b"".join(data for _, data in running.new_logs(1 << 20))
        assert b"listening on" in log
        running.stop()
    gone = ExternalRunning(running.endpoint)
    with pytest.raises(NotReadyError):
        climb(gone, budget_s=0.3)


def test_service_that_exits_at_once_fails_at_once_with_its_last_words():
    begin = time.monotonic()
    with (
        launch(scenario("sh", "-c", "echo no such model >&2; exit 7"), CONTEXT) as running,
        pytest.raises(LaunchError, match="exited with code 7 before it was ready") as error,
    ):
        climb(running, budget_s=600)
    assert "no such model" in error.value.log_tail
    assert time.monotonic() - begin < 10


def test_service_killed_by_a_signal_is_said_by_name():
    with launch(scenario("sh", "-c", "kill -SEGV $$"), CONTEXT) as running:
        assert until(lambda: running.death() is not None)
        assert running.death() == "service was killed by SIGSEGV"


def test_missing_executable_is_named():
    with (
        pytest.raises(LaunchError, match="'no-such-engine' is not an executable"),
        launch(scenario("no-such-engine", "serve"), CONTEXT),
    ):
        pass


def test_kubeconfig_that_is_not_there_is_named_with_the_mend():
    manifest = Manifest(file="x.yaml", text="apiVersion: v1\nkind: Pod\nmetadata: {name: x}")
    spec = KubernetesService(manifests=(manifest,), service_name="svc", kubeconfig="/no/such")
    k8s = scenario("x").model_copy(update={"service": spec, "mode": Mode.K8S_PD})
    with (
        pytest.raises(LaunchError, match="kubeconfig /no/such does not exist on this node"),
        launch(k8s, CONTEXT),
    ):
        pass


def test_a_port_in_use_is_refused_before_a_stranger_is_measured(start_mock):
    port = int(start_mock().root_url.rpartition(":")[2])
    with (
        pytest.raises(LaunchError, match=f"service.port {port} is in use"),
        launch(scenario(*MOCK, port=port), CONTEXT),
    ):
        pass


def test_another_model_served_is_decided_without_waiting():
    with (
        launch(scenario(*MOCK, served="qwen"), CONTEXT) as running,
        pytest.raises(NotReadyError, match="lists mock, not 'qwen'"),
    ):
        climb(running, budget_s=600)


def test_key_wanted_is_decided_without_waiting():
    with (
        launch(scenario(*MOCK, "--api-key", "s3cret"), CONTEXT) as running,
        pytest.raises(NotReadyError, match="wants an API key"),
    ):
        climb(running, budget_s=600)


def test_budget_is_kept_when_nothing_ever_answers():
    begin = time.monotonic()
    with (
        launch(scenario("sleep", "60"), CONTEXT) as running,
        pytest.raises(NotReadyError, match=r"/health .* did not succeed"),
    ):
        climb(running, budget_s=1.0)
    assert time.monotonic() - begin < 20


def test_external_service_is_only_an_address(start_mock):
    mock = start_mock()
    spec = ExternalService(base_url=mock.base_url + "/")
    with launch(scenario("x").model_copy(update={"service": spec}), CONTEXT) as running:
        assert isinstance(climb(running)[-1], ServiceReady)
        assert running.endpoint.base_url == mock.base_url
        running.stop()
    assert mock.process.poll() is None


RUNAWAY = "setsid sh -c 'echo $$ > {pidfile}; trap \"\" TERM; while :; do sleep 0.1; done' & wait"


def test_descendants_that_changed_session_and_ignore_sigterm_are_gone_too(tmp_path, monkeypatch):
    monkeypatch.setattr("rayeval.service.local.GRACE_S", 0.3)
    pidfile = tmp_path / "pid"
    with launch(scenario("sh", "-c", RUNAWAY.replace("{pidfile}", str(pidfile))), CONTEXT):
        assert until(lambda: pidfile.exists() and pidfile.read_text().strip())
        pid = int(pidfile.read_text())
        assert alive(pid)
    assert not alive(pid)


@pytest.mark.solo  # 别的运行起步时的清扫会替看守收拾
@pytest.mark.parametrize("victim", ["owner", "guard"])
def test_nothing_survives_sigkill_of(victim, tmp_path):
    pidfile = tmp_path / "pid"
    owner_code = textwrap.dedent(f"""
        import sys, time
        from rayeval.domain.scenario import Mode, Provider, Scenario
        from rayeval.domain.service import LocalService
        from rayeval.service.launcher import launch
        from rayeval.service.running import LaunchContext
        s = Scenario(id="x", mode=Mode.LOCAL, model="m", served_model_name="m",
            provider=Provider(id="p"),
            service=LocalService(command=("sh", "-c", "echo $$ > {pidfile}; exec sleep 600")))
        with launch(s, LaunchContext("r", "127.0.0.1")) as running:
            print(running._guard.pid, flush=True)
            time.sleep(600)
        """)
    owner = subprocess.Popen([sys.executable, "-c", owner_code], stdout=subprocess.PIPE, text=True)
    with owner:
        guard = int(owner.stdout.readline())
        assert until(lambda: pidfile.exists() and pidfile.read_text().strip())
        service = int(pidfile.read_text())
        os.kill(owner.pid if victim == "owner" else guard, signal.SIGKILL)
        gone = until(lambda: not alive(service))
        owner.kill()
    assert gone
    assert until(lambda: not alive(guard))
