"""命令行：退出码、说的话、快。"""

import json
import os
import platform
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import rayeval
from rayeval.cli import cli
from rayeval.errors import InfrastructureError
from rayeval.exits import leave
from rayeval.export import report_json

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "configs" / "demo"


@pytest.fixture(autouse=True)
def signals_as_they_were():
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def call():
    return lambda *arguments: CliRunner().invoke(cli, [str(a) for a in arguments])


def test_version(call):
    result = call("--version")
    assert result.exit_code == 0
    ray, python = metadata.version("ray"), platform.python_version()
    assert result.output == f"rayeval {rayeval.__version__} (ray {ray}, Python {python})\n"


def test_validate_says_ok(call):
    result = call("validate", "--config", DEMO)
    assert result.exit_code == 0
    assert "ok" in result.output


SIX_MISTAKES = {
    "matrix.yaml": "scenarios:\n  one:\n    pr: {perf: dayly}\n  typo:\n    pr: {}\n",
    "providers.yaml": "providers:\n  - id: here\n    modle_name: x\n",
    "scenarios/one.yaml": "id: one\nmode: locl\nmodel: m\nserved_model_name: m\n"
    "provider: here\nservice: {command: [sleep, 1], port: 99999}\n",
    "tests/perf/pr.yaml": "concurrency: [1, two]\n",
    "tests/perf/daily.yaml": "{}\n",
    "tests/accuracy/pr.yaml": "dataset: x.csv\n",
    "tests/accuracy/daily.yaml": "dataset: x.csv\n",
}


def test_six_mistakes_in_four_files_are_told_at_once_with_their_places(call, tmp_path):
    for name, text in SIX_MISTAKES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for command in ("validate", "run"):
        result = call(command, "--config", tmp_path)
        assert result.exit_code == 2
        for place, word in (
            ("matrix.yaml:3:16", "daily"),
            ("matrix.yaml:4:3", "typo"),
            ("providers.yaml:3:5", "model_name"),
            ("scenarios/one.yaml:2:7", "local"),
            ("scenarios/one.yaml:6:38", "65535"),
            ("tests/perf/pr.yaml:1:18", "two"),
        ):
            line = next((line for line in result.output.splitlines() if place in line), "")
            assert word in line, (place, result.output)


def test_plan_counts_what_would_run(call):
    result = call("plan", "--config", DEMO)
    assert result.exit_code == 0
    assert "local_single_demo" in result.output
    [row] = json.loads(call("plan", "--config", DEMO, "--json").output)
    assert row["cells"] == 3
    assert row["requests"] == 8 * (1 + 2 + 4)


def test_schema_check_names_what_is_stale(call, tmp_path):
    (tmp_path / "configs").mkdir()
    folder = tmp_path / "configs"
    assert call("schema", "--config", folder, "--check").exit_code == 1
    assert "wrote" in call("schema", "--config", folder).output
    assert call("schema", "--config", folder, "--check").exit_code == 0


def test_gate_judges_a_stored_run_again(call, reports, tmp_path):
    now, base = tmp_path / "now.json", tmp_path / "base.json"
    cells = (reports.cell(ttft=1.2),)
    now.write_bytes(report_json.encode(reports.run(reports.scenario(cells=cells))))
    base.write_bytes(report_json.encode(reports.run(run_id="base", run_type="daily")))
    result = call("gate", now, "--baseline", base)
    assert result.exit_code == 1
    assert "ttft" in result.output.lower()
    told = json.loads(call("gate", now, "--baseline", base, "--json").output)
    assert told["exit_code"] == 1
    assert call("gate", base, "--baseline", base).exit_code == 0


def test_gate_without_a_report_is_a_usage_error(call, tmp_path):
    result = call("gate", tmp_path)
    assert result.exit_code == 2
    assert "no report.json" in result.output


def test_own_exceptions_become_their_exit_code_and_one_line(capsys):
    def fail():
        message = "no room; choose another --artifacts"
        raise InfrastructureError(message)

    with pytest.raises(typer.Exit) as ended:
        leave(fail, debug=False)
    assert ended.value.exit_code == 3
    assert capsys.readouterr().err == "rayeval: no room; choose another --artifacts\n"


def test_unexpected_exception_is_one_line_unless_debug(capsys):
    def fail():
        raise KeyError("oops")

    with pytest.raises(typer.Exit) as ended:
        leave(fail, debug=False)
    assert ended.value.exit_code == 3
    assert "internal error: KeyError" in capsys.readouterr().err
    with pytest.raises(typer.Exit):
        leave(fail, debug=True)
    assert "Traceback" in capsys.readouterr().err


def test_interruption_is_130(capsys):
    def fail():
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ended:
        leave(fail, debug=False)
    assert ended.value.exit_code == 130
    assert "interrupted" in capsys.readouterr().err


HEAVY = ("ray", "pyarrow", "pandas", "httpx", "kubernetes", "numpy")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["--version"], ["perf", "--help"], ["doctor", "--help"], ["validate"], ["plan"]],
    ids=" ".join,
)
def test_quick_commands_import_nothing_heavy(arguments):
    code = (
        "import sys; from rayeval.cli import cli\n"
        f"try: cli({arguments!r}, standalone_mode=False)\n"
        "except SystemExit: pass\n"
        f"sys.stderr.write(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "COVERAGE_PROCESS_START": ""},
    )
    assert done.stderr == ""
