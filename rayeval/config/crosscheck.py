"""文件之间与字段之间的规矩；只看原始数据，所以文件有别的错时照样能查。"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rayeval.config.builtin import PROFILES
from rayeval.config.diagnosis import unknown
from rayeval.config.document import Document, Where
from rayeval.config.manifest_rules import manifest_problems
from rayeval.config.scenario_rules import missing_files, scenario_problems, url_problems
from rayeval.config.schema import NAME_PATTERN, RUN_TYPES, STAGES
from rayeval.domain.functional import SUITES
from rayeval.errors import Problem


@dataclass(frozen=True, slots=True)
class Documents:
    """一个配置目录的全部文件；各文件夹按文件名（去后缀）。"""

    matrix: Document | None
    providers: Document | None
    scenarios: dict[str, Document]
    functional: dict[str, Document]
    perf: dict[str, Document]
    accuracy: dict[str, Document]

    def profiles(self, stage: str) -> dict[str, Document]:
        """某个阶段的档位文件。"""
        folders = {"functional": self.functional, "perf": self.perf, "accuracy": self.accuracy}
        return folders[stage]

    def scenario_ids(self) -> list[str]:
        """全部场景的 id；读不出 id 的以文件名代替，免得一处错报成两处。"""
        return [
            name if not isinstance(found := document.get("id"), str) else found
            for name, document in self.scenarios.items()
        ]


def check(documents: Documents, root: str, env: Mapping[str, str]) -> list[Problem]:
    """全部规矩的全部问题；`root` 是错误里写的配置目录。"""
    problems = [*_duplicate_ids(documents), *_providers(documents)]
    for document in documents.scenarios.values():
        problems += scenario_problems(document, documents.providers)
        problems += manifest_problems(document, root, env)
    for document in documents.functional.values():
        problems += _suites(document, ("suites",))
        problems += missing_files(document, ("paths",))
    for document in documents.perf.values():
        problems += _repeats(document)
    for document in documents.accuracy.values():
        problems += missing_files(document, ("template_file",))
    return [*problems, *_matrix(documents)]


def _duplicate_ids(documents: Documents) -> Iterator[Problem]:
    """场景 id 在各文件之间唯一。"""
    first: dict[str, Document] = {}
    for document in documents.scenarios.values():
        name = document.get("id")
        if not isinstance(name, str):
            continue
        if name in first:
            other = first[name]
            where = f"{other.shown}:{other.spot(('id',)).line}"
            yield document.problem(("id",), f"duplicate scenario id {name!r}; also in {where}")
        first.setdefault(name, document)


def _providers(documents: Documents) -> Iterator[Problem]:
    """提供方：id 唯一、写得进文件名，地址像样。"""
    document, seen = documents.providers, set[str]()
    if document is None:
        return
    for index in range(len(document.sequence("providers"))):
        where: Where = ("providers", index, "id")
        name = document.get(*where)
        if isinstance(name, str):
            if not re.fullmatch(NAME_PATTERN, name):
                yield document.problem(where, f"expected letters, digits, . _ -, got {name!r}")
            if name in seen:
                yield document.problem(where, f"duplicate provider id {name!r}; rename one")
            seen.add(name)
        yield from url_problems(document, ("providers", index, "base_url"))


def _suites(document: Document, where: Where) -> Iterator[Problem]:
    """套件都认识，也不重复。"""
    seen = set[str]()
    for index, name in enumerate(document.sequence(*where)):
        if not isinstance(name, str):
            continue
        if name not in SUITES:
            yield document.problem((*where, index), unknown("suite", name, SUITES))
        elif name in seen:
            yield document.problem((*where, index), f"duplicate suite {name!r}; remove one")
        seen.add(name)


def _repeats(document: Document) -> Iterator[Problem]:
    """矩阵的一维里没有重复的值，否则两个 cell 同名。"""
    for name in ("concurrency", "input_length", "output_length"):
        values = document.sequence(name)
        for index, value in enumerate(values):
            if value in values[:index]:
                yield document.problem((name, index), f"duplicate value {value}; remove one")


def _matrix(documents: Documents) -> Iterator[Problem]:
    """矩阵点名的场景、档位、套件都存在。"""
    document = documents.matrix
    if document is None:
        return
    known = documents.scenario_ids()
    for scenario in document.mapping("scenarios"):
        if scenario not in known:
            message = unknown("scenario", scenario, known)
            yield document.problem(("scenarios", scenario), message, at_key=True)
        for run_type in RUN_TYPES:
            where: Where = ("scenarios", scenario, run_type)
            yield from _suites(document, (*where, "suites"))
            for stage in STAGES:
                yield from _profile(documents, document, (*where, stage))


def _profile(documents: Documents, document: Document, where: Where) -> Iterator[Problem]:
    """一处点名的档位存在；内建的可以没有文件。"""
    stage, name = str(where[-1]), document.get(*where)
    known = documents.profiles(stage)
    builtin = ("default",) if stage == "functional" else PROFILES
    if not isinstance(name, str) or name in known or name in builtin:
        return
    yield document.problem(where, unknown(f"{stage} profile", name, (*known, *builtin)))
