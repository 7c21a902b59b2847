"""装出来的是什么：依赖有上下界且全被钉住，入口、许可证、两个包都在轮子里。"""

import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import rayeval

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
RUNTIME = [Requirement(text) for text in PROJECT["dependencies"]]
DEV = [Requirement(text) for text in PROJECT["optional-dependencies"]["dev"]]


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").split("\n")
    kept = [line for line in lines if line and not line.startswith("#")]
    return dict(line.split("==", 1) for line in kept)


@pytest.mark.parametrize("requirement", RUNTIME, ids=str)
def test_every_runtime_dependency_is_bounded_on_both_sides(requirement):
    operators = {spec.operator for spec in requirement.specifier}
    assert ">=" in operators
    assert "<" in operators


@pytest.mark.parametrize("requirement", [*RUNTIME, *DEV], ids=str)
def test_every_dependency_is_pinned_within_its_bounds(requirement):
    versions = {canonicalize_name(name): version for name, version in pins().items()}
    version = versions[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version, prereleases=True)


def test_constraints_are_plain_pins_without_hosts_or_paths():
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        assert re.fullmatch(r"[A-Za-z0-9][\w.-]*==[\w.+!]+|#.*|", line), line
    assert "://" not in text


def test_the_version_is_written_once_in_meaning():
    assert PROJECT["version"] == rayeval.__version__


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """用本环境里的 hatchling 打一个轮子；不联网。"""
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    out = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (file,) = out.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        yield archive


def test_the_wheel_holds_both_packages_and_nothing_else(wheel):
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert tops == {"rayeval", "rayeval_actors", f"rayeval-{rayeval.__version__}.dist-info"}
    assert "rayeval/py.typed" in wheel.namelist()


def test_the_wheel_has_the_command_and_the_license(wheel):
    info = f"rayeval-{rayeval.__version__}.dist-info"
    assert b"rayeval = rayeval.cli:main" in wheel.read(f"{info}/entry_points.txt")
    assert b"Apache License" in wheel.read(f"{info}/licenses/LICENSE")


def test_every_source_file_is_in_the_wheel(wheel):
    files = {
        str(file.relative_to(root))
        for root in (ROOT, ROOT / "actors")
        for package in ("rayeval", "rayeval_actors")
        for file in (root / package).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert not files - set(wheel.namelist())
