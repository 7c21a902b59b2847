"""`rayeval perf URL`：没有 YAML 的一次运行；错处一行，退出码对。"""

import csv
import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.rig import Done, Runner

SMALL = ("-il", "16", "-ol", "4")


class Perf:
    """起一个 `rayeval perf` 进程，等它结束。"""

    def __init__(self, folder: Path) -> None:
        self._runner = Runner(folder)
        self.folder, self.artifacts = folder, self._runner.artifacts
        self.finish, self.await_line = self._runner.finish, self._runner.await_event

    def start(self, *words: object, **env: str) -> subprocess.Popen[str]:
        return self._runner.launch("perf", *words, **env)

    def __call__(self, *words: object, **env: str) -> Done:
        return self.finish(self.start(*words, **env))

    @property
    def report(self):
        [path] = self.artifacts.glob("runs/*/report.json")
        return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture
def perf(tmp_path):
    return Perf(tmp_path)


def closed_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_one_command_is_a_run_like_any_other(perf, start_mock):
    mock = start_mock("--ttft-ms", "5")
    done = perf(mock.base_url, "-c", "1,2", "-n", "4,6", "-w", "1", *SMALL)
    assert done.code == 0, done.out + done.err
    [scenario] = perf.report["scenarios"]
    assert (scenario["scenario"], scenario["mode"], scenario["provider"]) == (
        "mock",
        "external",
        "default",
    )
    assert {stage["status"] for stage in scenario["stages"]} == {"PASS"}
    summaries = [cell["summary"] for cell in scenario["cells"]]
    assert [(s["concurrency"], s["issued"], s["failed"]) for s in summaries] == [
        (1, 4, 0),
        (2, 6, 0),
    ]
    [folder] = perf.artifacts.glob("perf/mock/*")
    assert len(list(folder.glob("requests_default_random_queue_*.csv"))) == 2
    assert {"requests.parquet", "certificate.json"} <= {path.name for path in folder.iterdir()}
    [summary] = folder.glob("summary_*.csv")
    with summary.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            assert f"{float(row['QPS']):.2f}" in done.out
    [run] = perf.artifacts.glob("runs/*")
    assert {"report.md", "command.json", "config.resolved.yaml", "events.jsonl"} <= {
        path.name for path in run.iterdir()
    }
    assert "baseline:" not in done.out


@pytest.mark.parametrize(
    ("flags", "words", "told"),
    [
        (None, (), (3, "nothing answers at")),
        ((), ("--model", "other"), (2, "--model 'other': the service lists mock; name one")),
        (
            ("--model", "a", "--model", "b"),
            (),
            (2, "--model: the service lists several; name one of a, b"),
        ),
        (("--api-key", "sesame"), (), (2, "--api-key: ")),
        (("--api-key", "sesame"), ("--api-key", "wrong-key"), (2, "refuses this key")),
        ((), ("-c", "1,,2"), (2, "--concurrency: expected whole numbers, like 1,2,4, got ''")),
        ((), ("--baseline", "none.json"), (2, "--baseline none.json: does not exist")),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_a_code(perf, start_mock, flags, words, told):
    url = f"http://127.0.0.1:{closed_port()}/v1" if flags is None else start_mock(*flags).base_url
    done = perf(url, *words, *SMALL)
    [line] = done.err.splitlines()
    assert (done.code, line[:9]) == (told[0], "rayeval: ")
    assert told[1] in line
    assert "wrong-key" not in line
    assert not perf.artifacts.exists()


def test_key_and_headers_are_sent_and_stand_nowhere(perf, start_mock):
    mock = start_mock("--api-key", "sesame-open")
    words = ("-n", "2", "--header", "X-Tenant: balsam-shut", "--header=X-Too: balsam-shut", *SMALL)
    by_flag = perf(mock.base_url, "--api-key", "sesame-open", *words)
    by_env = perf(mock.base_url, *words, RAYEVAL_API_KEY="sesame-open")
    assert (by_flag.code, by_env.code) == (0, 0), by_flag.err + by_env.err
    said = [by_flag.out, by_flag.err, by_env.out, by_env.err]
    said += [
        path.read_bytes().decode("utf-8", "replace")
        for path in perf.artifacts.rglob("*")
        if path.is_file()
    ]
    assert len(said) > 10
    assert not [text for text in said if "sesame-open" in text or "balsam-shut" in text]


def test_a_cell_without_one_success_fails(perf, start_mock):
    mock = start_mock("--max-model-len", "64")
    done = perf(mock.base_url, "-il", "128", "-ol", "4", "-n", "4")
    assert done.code == 1, done.out + done.err
    [scenario] = perf.report["scenarios"]
    assert scenario["cells"][0]["summary"]["failed"] == 4


def test_only_a_named_baseline_sets_a_gate(perf, start_mock, tmp_path):
    mock = start_mock("--ttft-ms", "5")
    words = (mock.base_url, "-n", "4", *SMALL)
    assert perf(*words).code == 0
    faster = perf.report
    for cell in faster["scenarios"][0]["cells"]:
        cell["summary"]["qps"] *= 100
        cell["summary"]["plateau_qps"] = cell["summary"]["qps"]
    baseline = tmp_path / "faster.json"
    baseline.write_text(json.dumps(faster))
    judged = perf(*words, "--baseline", baseline)
    assert judged.code in {1, 4}, judged.out  # 机器太忙、发生器没守约时只能说无法定论
    assert f"against {baseline}" in judged.out


def test_interrupted_run_writes_what_it_measured(perf, start_mock):
    mock = start_mock("--itl-ms", "20")
    process = perf.start(mock.base_url, "-c", "1,2", "-n", "1,100", "-il", "16", "-ol", "50")
    perf.await_line(process, "CellFinished")
    process.send_signal(signal.SIGINT)
    done = perf.finish(process)
    assert done.code == 130, done.out + done.err
    assert "INTERRUPTED" in done.out
    assert perf.report["interrupted"]
    [rows] = perf.artifacts.glob("perf/mock/*/requests_*_concurrency1_*.csv")
    assert len(rows.read_text().splitlines()) == 2


def test_json_is_one_object_a_line_and_quiet_has_no_progress(perf, start_mock):
    mock = start_mock()
    lines = perf(mock.base_url, "-n", "2", "--json", *SMALL).out.splitlines()
    told = [json.loads(line) for line in lines]
    assert told[0]["stage"] == "launch"
    assert told[-1]["exit_code"] == 0
    quiet = perf(mock.base_url, "-n", "2", "--quiet", *SMALL).out
    assert "started" not in quiet
    assert "in16_out4_c1" in quiet
