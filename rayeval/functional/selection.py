"""-k 选不选得中用例：跑之前先收集一遍，免得为一个写错的词存下一次 FAIL。"""

from __future__ import annotations

from pathlib import Path

from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError
from rayeval.functional.context import SuiteContext, bare_scenario
from rayeval.functional.counting import collected
from rayeval.functional.runner import SUITES_DIR


def require_selected(spec: FunctionalSpec) -> None:
    """各套件里没有一个用例合 `spec.select`，抛 UsageError；收集出了别的毛病留给运行去说。"""
    if not spec.select:
        return
    paths = [Path(text).expanduser().resolve() for text in spec.paths]
    targets = [*([SUITES_DIR] if spec.suites else []), *paths]
    if targets and all(_selects_nothing(spec, target) for target in targets):
        names = ", ".join([*spec.suites, *(path.name for path in paths)])
        message = f"-k {spec.select!r} selects no case of {names}; write a part of a case's name"
        raise UsageError(message)


def _selects_nothing(spec: FunctionalSpec, target: Path) -> bool:
    """收集得成，有用例，而 -k 全去掉了；自带的只看要跑的套件。"""
    endpoint = Endpoint("http://nowhere.invalid/v1", "none")
    context = SuiteContext("", bare_scenario(endpoint, {}), endpoint, spec)
    found = collected(context.to_json(), target, spec.select)
    if found is None:
        return False
    suites = {case_id.partition("/")[0] for case_id in found.ids}
    wanted = suites.intersection(spec.suites) if target == SUITES_DIR else suites
    return found.deselected > 0 and not wanted
