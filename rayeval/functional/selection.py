"""-k 选不选得中用例：跑之前先收集一遍，免得为一个写错的词存下一次 FAIL。"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError
from rayeval.functional.context import SuiteContext, bare_scenario
from rayeval.functional.process import PLUGIN, child_environment
from rayeval.functional.runner import SUITES_DIR

_LIMIT_S = 60.0
_NONE_COLLECTED = 5
"""pytest 一个用例也没收到时的退出码。"""


def require_selected(spec: FunctionalSpec) -> None:
    """各套件里没有一个用例合 `spec.select`，抛 UsageError；收集出了别的毛病留给运行去说。"""
    if not spec.select:
        return
    own = [SUITES_DIR / f"test_{suite}.py" for suite in spec.suites]
    groups = [(SUITES_DIR, own)] if own else []
    paths = [Path(text).expanduser().resolve() for text in spec.paths]
    groups += [(path if path.is_dir() else path.parent, [path]) for path in paths]
    if groups and all(_selects_nothing(spec, root, files) for root, files in groups):
        names = ", ".join([*spec.suites, *(path.name for path in paths)])
        message = f"-k {spec.select!r} selects no case of {names}; write a part of a case's name"
        raise UsageError(message)


def _selects_nothing(spec: FunctionalSpec, root: Path, files: Sequence[Path]) -> bool:
    """收集得成，有用例，而 -k 全去掉了。"""
    endpoint = Endpoint("http://nowhere.invalid/v1", "none")
    context = SuiteContext("", bare_scenario(endpoint, {}), endpoint, spec)
    with tempfile.TemporaryFile() as file:
        file.write(context.to_json().encode())
        file.seek(0)
        try:
            done = subprocess.run(
                _argv(file.fileno(), root, files, spec.select or ""),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_LIMIT_S,
                pass_fds=(file.fileno(),),
                env=child_environment(os.environ, own=root == SUITES_DIR),
                check=False,
            )
        except subprocess.TimeoutExpired:
            return False
    nothing = done.returncode == _NONE_COLLECTED
    return nothing and b"deselected" in done.stdout


def _argv(context_fd: int, root: Path, files: Sequence[Path], select: str) -> list[str]:
    """只收集的 pytest，其余同跑套件的那个：名字才对得上。"""
    return [
        *(sys.executable, "-P", "-m", "pytest", "--collect-only", "-q", "-k", select),
        *(*map(str, files), "-p", PLUGIN, "-p", "no:cacheprovider", "-c", os.devnull),
        *("--rootdir", str(root), "--import-mode=importlib", "-o", "addopts=", "--color=no"),
        f"--rayeval-context-fd={context_fd}",
    ]
