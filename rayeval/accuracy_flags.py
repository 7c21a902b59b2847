"""`rayeval accuracy` 的开关 → 档位；要接着考的那次在哪里。"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from rayeval.accuracy.benchmarks import find
from rayeval.accuracy.gpqa import DIAMOND_SHA256
from rayeval.config.profile import read_profile
from rayeval.domain.accuracy import AccuracySpec
from rayeval.errors import UsageError
from rayeval.export.files import Artifacts
from rayeval.export.journal import PARTIAL

NAMES: Mapping[str, str] = {
    "dataset": "--dataset",
    "dataset_name": "--dataset-name",
    "sha256": "--sha256",
    "benchmark": "--benchmark",
    "num_examples": "--examples",
    "n_repeats": "--repeats",
    "threads": "--threads",
    "shards": "--shards",
    "max_tokens": "--max-tokens",
    "temperature": "--temperature",
    "timeout_s": "--timeout",
    "max_retries": "--max-retries",
    "template_file": "--template",
    "system_message": "--system",
    "min_score": "--min-score",
    "max_error_ratio": "--max-error-ratio",
    "include_questions": "--include-questions",
}
"""档位的字段 → 开关。"""
GPQA = "gpqa"
MAX_TOKENS = 2048
"""没有档位时一个回答的上限，同 simple-evals 命令行；档位的缺省 128 是给调试的。"""


def accuracy_spec(given: Mapping[str, Any], profile: Path | None) -> AccuracySpec:
    """开关盖过档位文件；没给的（None）取档位里的。不成立抛 UsageError，点出是哪个开关。

    从命令行给的数据集没说叫什么，就以文件名为名：不是 GPQA 的不会叫 gpqa。
    """
    values = {name: value for name, value in given.items() if value not in {None, ""}}
    base = {} if profile is None else _profile(profile)
    fallback = {"max_tokens": MAX_TOKENS} if profile is None else {}
    if "dataset" in values:
        values["dataset"] = _dataset(str(values["dataset"]))
        base.pop("sha256", None)
        if "dataset_name" not in values:
            values["dataset_name"] = _name(values["dataset"], values.get("sha256"))
    if not base and "dataset" not in values:
        message = (
            "give the questions: --dataset FILE.csv or URL (GPQA's columns, or MMLU's with "
            "--benchmark mmlu), or --profile tests/accuracy/pr.yaml"
        )
        raise UsageError(message)
    if "benchmark" in values:
        find(str(values["benchmark"]))
    try:
        return AccuracySpec.model_validate({**fallback, **base, **values})
    except ValidationError as error:
        raise UsageError("\n".join(_told(problem) for problem in error.errors())) from None


def found_answers(resume: str, artifacts: Path, scenario: str) -> str:
    """`--resume` 的值 → 作答文件：文件本身，或产物目录里那次运行的；没有抛 UsageError。"""
    if Path(resume).is_file():
        return resume
    tried = []
    for stamp in dict.fromkeys((resume, resume.partition("-")[0])):
        place = Artifacts(artifacts, stamp)
        path = place.path(place.accuracy(scenario, PARTIAL))
        if path.is_file():
            return str(path)
        tried.append(str(path))
    message = f"--resume {resume}: no {' nor '.join(tried)}; a run that ended well has none"
    raise UsageError(message)


def newest_partial(artifacts: Path, scenario: str) -> list[str]:
    """最近一次中断留下作答文件的运行的时间标签；没有则为空。"""
    sample = Artifacts(artifacts, "any")
    folder = sample.path(sample.accuracy(scenario, PARTIAL)).parent.parent
    found = max(folder.glob(f"*/{PARTIAL}"), key=lambda path: path.stat().st_mtime, default=None)
    return [] if found is None else [found.parent.name]


def _profile(file: Path) -> dict[str, Any]:
    """tests/accuracy 那样的一份文件里写着的；路径相对于它自己。"""
    spec = read_profile(file, AccuracySpec, "tests/accuracy/pr.yaml")
    values = spec.model_dump(exclude_unset=True)
    for name in ("dataset", "template_file", "results"):
        if values.get(name):
            values[name] = _beside(file.parent, values[name])
    return values


def _dataset(text: str) -> str:
    """地址原样；路径变成绝对的。"""
    return _beside(Path.cwd(), text)


def _beside(folder: Path, name: str) -> str:
    """相对于 `folder` 的路径变成绝对的；地址原样。"""
    return name if "://" in name else str((folder / Path(name).expanduser()).resolve())


def _name(dataset: str, sha256: object) -> str:
    """数据集的名字：文件名去后缀；校验和点了名的 GPQA 才叫 gpqa。"""
    if str(sha256 or "").lower() == DIAMOND_SHA256:
        return GPQA
    stem = Path(dataset.rstrip("/").rpartition("/")[2].partition("?")[0]).stem
    return stem or "dataset"


def _told(problem: Any) -> str:
    """一条校验错误，以开关的名字说。"""
    field = str(problem["loc"][0]) if problem["loc"] else ""
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "string_pattern_mismatch":
        message = f"{problem['input']!r} is no checksum; give 64 hexadecimal digits"
    return f"{NAMES.get(field, field)}: {message}" if field else message
