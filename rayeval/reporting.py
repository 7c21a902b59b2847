"""一次运行 → report.html：从产物里取来画页面要用的，写好，要的话打开。"""

from __future__ import annotations

import logging
import re
import webbrowser
from collections.abc import Iterator
from pathlib import Path

import yaml
from pydantic import ValidationError
from rich.console import Console

from rayeval.baselines import root_of
from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import ScenarioReport
from rayeval.export import markdown
from rayeval.export.files import Artifacts
from rayeval.export.page import Log, Material, no_tables, report_html
from rayeval.export.page.samples import COLUMNS
from rayeval.gate.rows import inside, stored_tables
from rayeval.judging import Judged, judge_again, load_yaml

LOG_TAIL = 20_000
"""一份服务日志放进页面的末尾，字节。"""
MOST_LOGS = 12
PAGE, SUMMARY = "report.html", "report.md"
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_log = logging.getLogger(__name__)


def page_of(judged: Judged, *, linked: bool = True, between: bool = False) -> bytes:
    """判过的一次运行的 report.html；`linked`：文件名是链接，页面要放在 report.json 旁边。

    `between` 是 `compare` 的那一页。
    """
    report, reference, root = judged.report, judged.reference, root_of(judged.file)
    base, away = reference.report, reference.root
    config = _text(judged.file.with_name("config.resolved.yaml"))
    material = Material(
        now=stored_tables(report, root, COLUMNS),
        base=no_tables if base is None or away is None else stored_tables(base, away, COLUMNS),
        baseline=base,
        plans=dict(_plans(config)),
        logs={scenario.scenario: tuple(_logs(scenario, root)) for scenario in report.scenarios},
        config=config,
        command=_text(judged.file.with_name("command.json")),
        linked=linked,
        between=between,
    )
    return report_html(report, judged.verdict, material)


def report_stored(
    stored: Path,
    baseline: Path | None,
    config_dir: Path | None,
    to: Path | None,
    console: Console,
    *,
    show: bool,
) -> int:
    """把存盘的运行的 report.html 与 report.md 再写一遍，说出在哪；`show` 用浏览器打开。

    `to` 为空写回原处，否则写进那个目录。不因裁决而失败：判是 gate 的事。
    """
    judged = judge_again(stored, baseline, config_dir)
    folder = to or judged.file.parent
    pages = {
        PAGE: page_of(judged, linked=to is None),
        SUMMARY: markdown.report_md(judged.report, judged.verdict),
    }
    for name, data in pages.items():
        write_page(folder / name, data)
        console.print(str(folder / name), highlight=False, soft_wrap=True, markup=False)
    if show and not webbrowser.open((folder / PAGE).resolve().as_uri()):
        where = (folder / PAGE).resolve()
        _log.warning("no browser here; copy %s to a machine with one: it is complete", where)
    return 0


def write_page(path: Path, data: bytes) -> None:
    """原子地写一页；写不动抛 InfrastructureError。"""
    Artifacts(path.parent, "").write(path.name, data)


def _plans(config: str) -> Iterator[tuple[str, PerfSpec]]:
    """存盘的配置里，场景 → 它的压测档位；读不懂的（别的版本写的）就没有。"""
    try:
        found = load_yaml(config)
        for plan in found["plans"] if found else ():
            if plan["perf"] is not None:
                yield str(plan["scenario"]["id"]), PerfSpec.model_validate(plan["perf"])
    except (yaml.YAMLError, KeyError, TypeError, ValidationError) as error:
        _log.warning("config.resolved.yaml: %s; the page has no permits", error)


def _logs(scenario: ScenarioReport, root: Path) -> Iterator[Log]:
    """各份服务日志的末尾，去掉颜色。"""
    names = [path for path in scenario.artifacts if path.startswith("logs/")]
    for name in names[:MOST_LOGS]:
        path = inside(root, name)
        if path is None:
            continue
        try:
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - LOG_TAIL))
                tail = file.read().decode("utf-8", "replace")
        except OSError:
            continue
        yield Log(name, _COLOURS.sub("", tail), size)


def _text(file: Path) -> str:
    """报告旁边的一个文件；只留了报告就没有。"""
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
