"""样本 → Prometheus 文本或 OpenMetrics 字节；文本 → 按分组键切开的各组正文。"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from prometheus_client import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from rayeval.errors import UsageError
from rayeval.export.catalogue import CATALOGUE, IDENTITY
from rayeval.export.metrics import Sample

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Group:
    """Pushgateway 里的一组：分组键，与整组的正文（标签齐全，分组键也在样本上）。"""

    key: dict[str, str]
    body: bytes
    series: int


class _Snapshot(Collector):
    """一批现成的族，给 prometheus-client 的写法用。"""

    def __init__(self, families: Iterable[Metric]) -> None:
        """收下各族。"""
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """原样交出。"""
        return self._families


def text(found: Iterable[Sample], prefix: str) -> bytes:
    """Prometheus 文本格式，UTF-8；次序同目录。"""
    return generate_latest(_Snapshot(_families(found, prefix, None)))  # type: ignore[no-untyped-call,no-any-return,unused-ignore]


def openmetrics(found: Iterable[Sample], prefix: str, at: float) -> bytes:
    """OpenMetrics，每个样本都带时刻 `at`（Unix 秒）：补写历史用，Pushgateway 不收。"""
    return generate_openmetrics(_Snapshot(_families(found, prefix, at)))  # type: ignore[no-untyped-call,no-any-return,unused-ignore]


def groups(body: bytes, name: str) -> list[Group]:
    """写出的正文 → 各组，次序同正文；`name` 是它的来处，写进错误里。

    不是我们写的正文（标签里没有分组键）抛 UsageError。
    """
    found: dict[tuple[str, ...], list[Metric]] = {}
    try:
        parsed = list(text_string_to_metric_families(body.decode()))
    except ValueError as error:
        msg = f"{name}: not Prometheus text ({error}); write it again with `rayeval export`"
        raise UsageError(msg) from error
    for metric in parsed:
        for key, part in _split(metric, name):
            found.setdefault(key, []).append(part)
    return [
        Group(
            dict(zip(IDENTITY, key, strict=True)),
            generate_latest(_Snapshot(metrics)),
            sum(len(metric.samples) for metric in metrics),
        )
        for key, metrics in found.items()
    ]


def _split(metric: Metric, name: str) -> Iterator[tuple[tuple[str, ...], Metric]]:
    """一族按分组键切开。"""
    parts: dict[tuple[str, ...], Metric] = {}
    for sample in metric.samples:
        if not set(IDENTITY) <= set(sample.labels):
            msg = f"{name}: {sample.name} lacks the labels of a group; was it written by rayeval?"
            raise UsageError(msg)
        key = tuple(sample.labels[label] for label in IDENTITY)
        part = parts.setdefault(key, Metric(metric.name, metric.documentation, metric.type))
        part.samples.append(sample)
    yield from parts.items()


def _families(found: Iterable[Sample], prefix: str, at: float | None) -> Iterator[Metric]:
    """样本归入各族；没有样本的族不写。

    同名同标签的样本只留最后一个：重复的一行会让 Pushgateway 整批拒收。
    """
    by_family: dict[str, dict[tuple[str, tuple[tuple[str, str], ...]], Sample]] = {}
    for sample in found:
        series = (sample.suffix, tuple(sorted(sample.labels.items())))
        by_family.setdefault(sample.family, {})[series] = sample
    for name, family in CATALOGUE.items():
        if name not in by_family:
            continue
        metric = Metric(prefix + name, family.help, family.kind, family.unit)
        for sample in by_family[name].values():
            suffix = f"_{sample.suffix}" if sample.suffix else ""
            labels = {key: _encodable(value) for key, value in sample.labels.items()}
            metric.add_sample(f"{prefix}{name}{suffix}", labels, sample.value, at)
        yield metric


def _encodable(value: str) -> str:
    """UTF-8 写不下的孤立代理项换成 U+FFFD。"""
    return _SURROGATES.sub("\ufffd", value)
