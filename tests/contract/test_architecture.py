"""谁可以导入谁：import-linter 的契约成立，而且真的会不成立。"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINT = "import sys; from importlinter.cli import lint_imports_command as c; sys.exit(c())"


def lint(root):
    env = os.environ | {"PYTHONPATH": os.pathsep.join((str(root), str(root / "actors")))}
    return subprocess.run(
        [sys.executable, "-c", LINT, "--no-cache"],
        cwd=root,
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    root = tmp_path_factory.mktemp("house")
    for name in ("rayeval", "actors"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    return root


def test_the_arrows_of_the_design_hold():
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " 0 broken" in result.stdout


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("rayeval/perf/trespass.py", "import ray"),
        ("rayeval/perf/trespass.py", "import rayeval.export.files"),
        ("rayeval/gate/trespass.py", "import httpx"),
        ("rayeval/domain/trespass.py", "import rayeval.client.sse"),
        ("rayeval/mock/trespass.py", "import rayeval.client.sse"),
        ("rayeval/pipeline/trespass.py", "import rayeval_actors"),
        ("actors/rayeval_actors/trespass.py", "import rayeval.config"),
    ],
)
def test_a_trespass_is_caught(copy, file, line):
    path = copy / file
    path.write_text(line + "\n", encoding="utf-8")
    try:
        result = lint(copy)
    finally:
        path.unlink()
    assert result.returncode == 1, result.stdout + result.stderr
    assert "trespass" in result.stdout
