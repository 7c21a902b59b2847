"""演示的三个场景在一次运行里，Kubernetes 是仿的；死亡之表里的几格。"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.kill_table import play
from tests.kube.cluster import running_cluster

pytestmark = pytest.mark.cluster
ROOT = Path(__file__).parents[2]


def test_demo_runs_local_hybrid_and_prefill_decode_in_one_run(tmp_path):
    with running_cluster(tmp_path / "kube") as cluster:
        env = os.environ | {
            "KUBECONFIG": str(cluster.kubeconfig),
            "DEMO_KUBERNETES": "true",
            "RAYEVAL_DEMO_ANSWERS": str(ROOT / "configs/demo/science_sample.csv"),
        }
        command = [sys.executable, "-m", "rayeval.cli", "run", "--config", ROOT / "configs/demo"]
        flags = ["--stage", "accuracy", "--artifacts", tmp_path / "artifacts"]
        done = subprocess.run(
            [*command, "--address", "local", *flags],
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert cluster.objects() == []
        instances = list(cluster.instances.values())
        assert len(instances) == 5
        assert all(instance.process.returncode == 0 for instance in instances)
        written = {path.read_bytes() for path in (tmp_path / "artifacts/logs").glob("*k8s*")}
        assert written == {b"".join(line + b"\n" for _, line in i.lines) for i in instances}
    logs = sorted(path.name for path in (tmp_path / "artifacts/logs").iterdir())
    for scenario in ("k8s_hybrid_demo", "k8s_pd_demo", "local_single_demo"):
        assert any(name.startswith(f"service_{scenario}_") for name in logs), logs


@pytest.mark.solo  # 别的运行起步时的清扫会替它收拾
@pytest.mark.parametrize(
    ("how", "moment"), [("kill-driver", "ready"), ("kill-worker", "functional")]
)
def test_nothing_is_left(how, moment, tmp_path):
    cell = play(how, moment, tmp_path)
    assert cell.left == ()
