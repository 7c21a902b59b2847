"""东西在哪：产物目录一行，其下是已有的几样，相对于它；一长串的折成一行。"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from rich.text import Text

from rayeval.domain.report import RunReport
from rayeval.export.files import Artifacts

MOST = 2
"""一样东西至多这么多行；再多就按上一层的文件夹数。"""


def whereabouts(report: RunReport, artifacts: Artifacts) -> Iterator[Text]:
    """先是根，然后页面、摘要、CSV、JUnit、日志、指标里有的。每行不折，好整行复制。"""
    yield Text.assemble("files in ", (str(artifacts.root), "bold"), ":")
    found = [(label, _existing(names, artifacts)) for label, names in _kinds(report, artifacts)]
    found = [(label, names) for label, names in found if names]
    width = max((len(label) for label, _ in found), default=0)
    for label, names in found:
        for number, line in enumerate(folded(names)):
            yield Text.assemble("  ", ("" if number else label).ljust(width + 2), line)


def _kinds(report: RunReport, artifacts: Artifacts) -> Iterator[tuple[str, list[str]]]:
    """（叫什么，哪些相对路径），要紧的在前。"""
    kept = [name for scenario in report.scenarios for name in scenario.artifacts]
    yield "report", [artifacts.run("report.html")]
    yield "summary", [artifacts.run("report.md")]
    yield "stored run", [artifacts.run("report.json")]
    yield "CSV", [name for name in kept if name.endswith(".csv")]
    yield "JUnit", [name for name in kept if name.endswith("junit.xml")]
    yield "logs", [name for name in kept if name.endswith(".log")]
    yield "metrics", [artifacts.metrics()]


def _existing(names: Iterable[str], artifacts: Artifacts) -> list[str]:
    """真的在盘上的，不重。"""
    return [name for name in dict.fromkeys(names) if artifacts.path(name).exists()]


def folded(names: list[str]) -> list[str]:
    """一串路径 → 至多 MOST 行：放不下就数文件夹里有几个，还放不下就退到上一层。"""
    if len(names) == 1:
        return names
    paths = [PurePosixPath(name).parts for name in names]
    for depth in range(max(map(len, paths)) - 1, 0, -1):
        folders = Counter("/".join(parts[: min(depth, len(parts) - 1)]) for parts in paths)
        if len(folders) <= MOST or depth == 1:
            return [_count(folder, number, names) for folder, number in folders.items()]
    return names


def _count(folder: str, number: int, names: list[str]) -> str:
    """一个文件夹与其中的几个文件；只有一个时就是它。"""
    if number > 1:
        return f"{folder}/ ({number} files)"
    return next(name for name in names if name.startswith(f"{folder}/"))
