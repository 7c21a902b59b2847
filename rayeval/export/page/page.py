"""报告、裁决与材料 → report.html 的字节。

顺序是读者问的顺序：过了没有，变了什么，在哪里，有多可信，服务说了什么。
服务送来的一切由模板转义；页面禁止一切外联，只有带着本页令牌的脚本能跑。
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from rayeval.domain.report import STAGES, RunReport, ScenarioReport
from rayeval.domain.verdict import Level, Verdict
from rayeval.export.alike import alike
from rayeval.export.cell_notes import cell_notes
from rayeval.export.comparison import only_told
from rayeval.export.jinja import environment
from rayeval.export.page import functional, text
from rayeval.export.page.accuracy_slot import accuracy_slot
from rayeval.export.page.cells import Drawn, drawn
from rayeval.export.page.changes import change_rows, changes_slot
from rayeval.export.page.figure import Words
from rayeval.export.page.headline import headline
from rayeval.export.page.material import Material
from rayeval.export.page.perf_slots import perf_slots
from rayeval.export.page.slot import Slot

SHOWN = (Level.FAIL, Level.INCONCLUSIVE, Level.WARN, Level.INFO)
"""值得列出的发现，重的在前。"""
MOST_FINDINGS = 200


@dataclass(frozen=True, slots=True)
class Room:
    """一个场景在页面上的全部。"""

    report: ScenarioReport
    anchor: str
    cells: tuple[Drawn, ...]
    slots: tuple[Slot, ...]
    accuracy: Slot | None
    suites: list[functional.Suite]
    troubles: list[functional.Trouble]
    skips: list[tuple[str, int]]
    abilities: list[functional.Ability]


@np.errstate(all="ignore")  # 别处来的表里有 inf：画不出的点成了空，不必说
def report_html(report: RunReport, verdict: Verdict, material: Material) -> bytes:
    """整页的字节（UTF-8）。同样的输入总给同样的字节。"""
    rooms = [_room(index, scenario, material) for index, scenario in enumerate(report.scenarios)]
    changes = changes_slot(verdict)
    slots = [slot for room in rooms for slot in _slots(room)]
    slots += [changes] if changes is not None else []
    data = _packed(json.dumps({slot.name: slot.figures for slot in slots}, allow_nan=False))
    found = (finding for level in SHOWN for finding in verdict.at(level))
    shown = alike(finding for finding in found if not only_told(finding))
    page = environment().get_template("page/report.html.j2")
    body = page.render(
        report=report,
        verdict=verdict,
        head=headline(report, verdict),
        stages=[name for name in STAGES if any(name in s.planned for s in report.scenarios)],
        findings=shown[:MOST_FINDINGS],
        more_findings=len(shown) - len(shown[:MOST_FINDINGS]),
        changes=changes,
        change_rows=change_rows(verdict),
        rooms=rooms,
        material=material,
        data=data,
        plotly=_plotly() if slots else "",
        nonce=hashlib.sha256(f"{report.run_id} {data}".encode()).hexdigest()[:24],
        style=Markup(_read("report.css")),  # noqa: S704 我们自己的文件
        script=Markup(_read("report.js")),  # noqa: S704 同上
        t=bilingual,
        words=say,
        text=text,
        cell_notes=cell_notes,
        all_cases=functional.all_cases,
        most_chars=functional.MOST_CHARS,
    )
    return body.encode("utf-8", "replace")


def bilingual(en: str, zh: str) -> Markup:
    """一句话的两种语言，各在一个元素里；显示哪种由页面的语言定。"""
    return Markup('<span lang="en">{}</span><span lang="zh">{}</span>').format(en, zh)


def say(words: Words) -> Markup:
    """不分语言的原样转义，分语言的两种都写。"""
    return escape(words) if isinstance(words, str) else bilingual(words["en"], words["zh"])


def _room(index: int, scenario: ScenarioReport, material: Material) -> Room:
    """一个场景。"""
    anchor = f"s{index}"
    cells = tuple(drawn(scenario, material))
    base = None
    for other in material.baseline.scenarios if material.baseline is not None else ():
        base = other.accuracy if other.scenario == scenario.scenario else base
    score = scenario.accuracy
    return Room(
        report=scenario,
        anchor=anchor,
        cells=cells,
        slots=tuple(perf_slots(anchor, cells)),
        accuracy=None if score is None else accuracy_slot(anchor, score, base),
        suites=functional.suites(scenario.cases),
        troubles=functional.troubles(scenario.cases),
        skips=functional.skips(scenario.cases),
        abilities=functional.abilities(scenario, material.baseline),
    )


def _slots(room: Room) -> Iterator[Slot]:
    """一个场景的全部图位。"""
    yield from room.slots
    if room.accuracy is not None:
        yield room.accuracy


def _packed(content: str) -> str:
    """压缩后的 base64：浏览器自己解得开，页面小三倍。时间戳固定，字节才固定。"""
    return base64.b64encode(gzip.compress(content.encode(), 6, mtime=0)).decode()


@cache
def _plotly() -> str:
    """画图的库（plotly.js，MIT），取自 plotly 这个包，压缩好的。"""
    code = resources.files("plotly").joinpath("package_data/plotly.min.js").read_bytes()
    return base64.b64encode(gzip.compress(code, 9, mtime=0)).decode()


def _read(name: str) -> str:
    """模板旁边的一个文件。"""
    folder: Any = resources.files("rayeval.export").joinpath("templates", "page", name)
    return str(folder.read_text(encoding="utf-8"))
