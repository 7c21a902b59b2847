"""一个场景文件里的规矩：部署形态、提供方、命令与清单。"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from rayeval.config.diagnosis import shown_value, unknown
from rayeval.config.document import Document, Where, beside
from rayeval.domain.functional import FEATURES, OWN_FEATURE
from rayeval.domain.scenario import Mode
from rayeval.domain.service import API_VERSION
from rayeval.errors import Problem

PLACEHOLDERS: tuple[str, ...] = ("port", "host", "python", "model", "config_dir")
"""service.command 里可用的占位；config_dir 由本包填，其余由启动者填。"""
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]+)\}")
_SERVICE_FIELDS = {
    "local": {"command", "env", "port"},
    "external": {"base_url"},
    "k8s-hybrid": set[str](),
    "k8s-pd": set[str](),
}
_CLUSTER_MODES = {"k8s-hybrid", "k8s-pd"}


def scenario_problems(document: Document, providers: Document | None) -> Iterator[Problem]:
    """一个场景文件的全部问题；只看原始数据，别的字段有错时照样能查。"""
    yield from _mode(document, providers)
    yield from _provider(document, providers)
    yield from _features(document)
    yield from url_problems(document, ("service", "base_url"))
    yield from _placeholders(document)
    yield from missing_files(document, ("k8s", "manifests"))


def url_problems(document: Document, where: Where) -> Iterator[Problem]:
    """接口地址是 http(s)，以 /v1 之类的版本结尾。"""
    value = document.get(*where)
    if not isinstance(value, str):
        return
    try:
        parts = urlsplit(value)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        message = f"expected http://HOST:PORT/v1, got {shown_value(document, where)}"
        yield document.problem(where, message)
    elif not API_VERSION.search(parts.path):
        message = f"must end in /v1 (or another version), got {shown_value(document, where)}"
        yield document.problem(where, message)


def missing_files(document: Document, where: Where) -> Iterator[Problem]:
    """某个字段（一个或一列）点名的文件或目录都存在。"""
    value = document.get(*where)
    named = [(where, value)]
    if isinstance(value, list):
        named = [((*where, index), name) for index, name in enumerate(value)]
    for place, name in named:
        if isinstance(name, str) and not Path(beside(document.path, name)).exists():
            message = (
                f"no such file {shown_value(document, place)}; "
                f"paths are relative to {Path(document.shown).parent}"
            )
            yield document.problem(place, message)


def _mode(document: Document, providers: Document | None) -> Iterator[Problem]:
    """部署形态要的字段都在；都在时，用不上的字段不在。"""
    mode = document.get("mode")
    if not isinstance(mode, str) or mode not in set(Mode):
        return
    lacking = _lacking(mode, document, providers)
    if lacking is not None:
        yield document.problem(*lacking)
        return
    service = document.mapping("service")
    others = set().union(*_SERVICE_FIELDS.values()) - _SERVICE_FIELDS[mode]
    idle: list[Where] = [("service", name) for name in sorted(others) if service.get(name)]
    if mode not in _CLUSTER_MODES and document.get("k8s") is not None:
        idle.append(("k8s",))
    for where in idle:
        message = f"has no effect in mode {mode}; remove it or change the mode"
        yield document.problem(where, message, at_key=True)


def _lacking(mode: str, document: Document, providers: Document | None) -> tuple[Where, str] | None:
    """这种部署形态少了哪个字段：位置与话；不少则为 None。"""
    service = document.mapping("service")
    if mode == Mode.LOCAL and service.get("command") is None:
        return ("service", "command"), "mode local needs the argv list that starts the service"
    if mode == Mode.EXTERNAL and not service.get("base_url"):
        if _provider_url(document, providers):
            return None
        message = "mode external needs the URL here, or as base_url of the provider"
        return ("service", "base_url"), message
    if mode in _CLUSTER_MODES and document.get("k8s") is None:
        return ("k8s",), f"mode {mode} needs k8s with manifests and service_name"
    return None


def _provider_url(document: Document, providers: Document | None) -> bool:
    """场景的提供方有没有地址；提供方读不出时不追究。"""
    if providers is None or providers.broken:
        return providers is not None
    name = document.get("provider")
    for index in range(len(providers.sequence("providers"))):
        if name is not None and providers.get("providers", index, "id") == name:
            return bool(providers.get("providers", index, "base_url"))
    return False


def _provider(document: Document, providers: Document | None) -> Iterator[Problem]:
    """场景点名的提供方存在。"""
    name = document.get("provider")
    if not isinstance(name, str) or (providers is not None and providers.broken):
        return
    if providers is None:
        message = f"unknown provider {name!r}: there is no providers.yaml; create it"
        yield document.problem(("provider",), message)
        return
    entries = range(len(providers.sequence("providers")))
    known = [str(providers.get("providers", index, "id")) for index in entries]
    if name not in known:
        yield document.problem(("provider",), unknown("provider", name, known))


def _features(document: Document) -> Iterator[Problem]:
    """声明的能力都认识；用户自己的用例所关的以 x_ 开头。"""
    for name in document.mapping("features"):
        if name not in FEATURES and not name.startswith(OWN_FEATURE):
            hint = f"; one of your own starts with {OWN_FEATURE}"
            message = unknown("feature", name, FEATURES) + hint
            yield document.problem(("features", name), message, at_key=True)


def _placeholders(document: Document) -> Iterator[Problem]:
    """命令里的占位都认识。"""
    for index, word in enumerate(document.sequence("service", "command")):
        for name in _PLACEHOLDER.findall(word) if isinstance(word, str) else []:
            if name not in PLACEHOLDERS:
                message = unknown(
                    "placeholder", "{" + name + "}", ["{" + p + "}" for p in PLACEHOLDERS]
                )
                yield document.problem(("service", "command", index), message)
