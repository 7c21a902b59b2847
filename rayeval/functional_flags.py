"""`rayeval functional` 的开关 → 档位与声明；写错的名字当场说像的是哪个。"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rayeval.config.diagnosis import unknown
from rayeval.config.profile import read_profile
from rayeval.domain.functional import FEATURES, OWN_FEATURE, SUITES, FunctionalSpec
from rayeval.errors import UsageError

_WORDS = {"": True, "true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Chosen:
    """命令行上点了什么；None 与空是没点，取档位里的。"""

    profile: Path | None = None
    suites: Sequence[str] = ()
    paths: Sequence[Path] = ()
    select: str | None = None
    workers: int | None = None
    concurrency: int | None = None
    case_timeout_s: float | None = None
    probe: bool | None = None


def functional_spec(chosen: Chosen) -> FunctionalSpec:
    """开关盖过档位文件；不认识的套件、不在的路径抛 UsageError。

    只点了 --path 就只跑那里的；点了 -k 而没说要不要探测，就不探：那是在调一个用例。
    """
    for name in chosen.suites:
        if name not in SUITES:
            raise UsageError(f"--suite: {unknown('suite', name, SUITES)}")
    for path in chosen.paths:
        if not path.exists():
            raise UsageError(f"--path {path}: no such file or folder of pytest cases")
        if path.is_dir() and not any(path.rglob("*.py")):
            raise UsageError(f"--path {path}: no Python file in it; put a test_*.py there")
    spec = _profile(chosen.profile)
    update: dict[str, object] = {}
    if chosen.suites or chosen.paths:
        update["suites"] = tuple(dict.fromkeys(chosen.suites))
        update["paths"] = tuple(str(path.resolve()) for path in chosen.paths)
    if chosen.select:
        update |= {"select": chosen.select, "probe": False}
    for name in ("workers", "concurrency", "case_timeout_s", "probe"):
        if (value := getattr(chosen, name)) is not None:
            update[name] = value
    return spec.model_copy(update=update)


def declared_features(texts: Sequence[str]) -> Mapping[str, bool]:
    """`tools`、`reasoning=false` → 声明；不认识的名字抛 UsageError。"""
    found: dict[str, bool] = {}
    for text in texts:
        name, _, word = text.partition("=")
        if name not in FEATURES and not name.startswith(OWN_FEATURE):
            hint = f"; one of your own starts with {OWN_FEATURE}"
            raise UsageError(f"--feature: {unknown('feature', name, FEATURES)}{hint}")
        if word not in _WORDS:
            raise UsageError(f"--feature {text!r}: write {name} or {name}=false")
        found[name] = _WORDS[word]
    return found


def _profile(file: Path | None) -> FunctionalSpec:
    """tests/functional 那样的一份文件；没给则是缺省。路径相对于它自己。"""
    if file is None:
        return FunctionalSpec()
    spec = read_profile(file, FunctionalSpec, "tests/functional/x.yaml")
    paths = tuple(str((file.parent / path).resolve()) for path in spec.paths)
    return spec.model_copy(update={"paths": paths})
