"""`rayeval perf URL --address local`：同一条命令，压测者是 Ray 的 actor。"""

import json
import subprocess
import sys

import pytest

pytestmark = pytest.mark.cluster


def test_the_same_command_runs_on_ray(start_mock, tmp_path):
    mock = start_mock("--ttft-ms", "5", "--itl-ms", "1")
    words = [mock.base_url, "--address", "local", "--workers", "2"]
    words += ["-c", "4", "-n", "10", "-il", "16", "-ol", "8"]
    done = subprocess.run(
        [sys.executable, "-m", "rayeval.cli", "perf", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [path] = (tmp_path / "artifacts").glob("runs/*/report.json")
    [scenario] = json.loads(path.read_text(encoding="utf-8"))["scenarios"]
    [cell] = scenario["cells"]
    assert (cell["summary"]["issued"], cell["summary"]["failed"]) == (10, 0)
    assert len(cell["certificate"]["workers"]) == 2
    assert "Traceback" not in done.stderr
