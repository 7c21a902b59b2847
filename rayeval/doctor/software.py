"""软件：Python、各个包的版本、Ray 导入得成不成、编码。"""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from rayeval.doctor.finding import Told, fail, ok, warn

IMPORT_LIMIT_S = 7
REINSTALL = "install again: pip install --upgrade rayeval"
NOT_INSTALLED = "rayeval is not installed here, only its source is on the path"
_IMPORT = "import signal; signal.alarm({limit}); import ray; print(ray.__version__)"


def python(version: str, required: str) -> Told:
    """Python 的版本在要求之内吗；`required` 形如 `>=3.11`。"""
    if SpecifierSet(required).contains(version, prereleases=True):
        return ok(f"{version} at {sys.executable}")
    seen = f"{version} at {sys.executable}; rayeval wants {required}"
    return fail(seen, f"make an environment with Python {required} and install rayeval there")


def packages(requirements: Sequence[str], version_of: Callable[[str], str | None]) -> Told:
    """运行时依赖都在、都在界内吗；`version_of` 对没装的给 None。"""
    wrong, ours = [], [Requirement(text) for text in requirements]
    ours = [wanted for wanted in ours if wanted.marker is None or wanted.marker.evaluate()]
    for wanted in ours:
        found = version_of(wanted.name)
        if found is None:
            wrong.append(f"{wanted.name} is missing")
        elif not wanted.specifier.contains(found, prereleases=True):
            wrong.append(f"{wanted.name} is {found}, wanted {wanted.specifier}")
    if wrong:
        return fail("; ".join(wrong), REINSTALL)
    return ok(f"rayeval {version_of('rayeval')}, {len(ours)} packages within their bounds")


def installed(name: str) -> str | None:
    """一个包的版本；没装为 None。"""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_python() -> Told:
    """这个解释器。"""
    try:
        required = metadata.metadata("rayeval")["Requires-Python"]
    except (metadata.PackageNotFoundError, KeyError):
        required = ""
    return python(platform.python_version(), required or "")


def check_packages() -> Told:
    """这个环境里的包。"""
    try:
        return packages(metadata.requires("rayeval") or [], installed)
    except metadata.PackageNotFoundError:
        return warn(NOT_INSTALLED, "pip install it, so that versions can be compared")


def check_ray(limit_s: int = IMPORT_LIMIT_S) -> Told:
    """另起一个进程导入 Ray；闹钟在那个进程里，卡在哪里都会结束。"""
    version = installed("ray")
    if version is None:
        return fail("ray is not installed", REINSTALL)
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT.format(limit=limit_s)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode < 0:
        mend = "is the machine overloaded, or the environment on a slow network disk?"
        return warn(f"{version}, but importing it takes more than {limit_s} s", mend)
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return fail(f"{version} is installed, but does not import: {said}", REINSTALL)
    return ok(f"{version} imports")


def encoding(stdout: str | None, preferred: str) -> Told:
    """终端与文件都用 UTF-8 吗。"""
    odd = [
        f"{what} is {name}"
        for what, name in (("stdout", stdout or "unknown"), ("the locale", preferred))
        if name.lower().replace("-", "").replace("_", "") != "utf8"
    ]
    if odd:
        return warn("; ".join(odd), "export LANG=C.UTF-8, or PYTHONUTF8=1")
    return ok("UTF-8")
