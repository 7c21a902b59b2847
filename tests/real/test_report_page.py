"""report.html 在真浏览器里：从磁盘打开，画全，不联网，窄屏放得下，坏话不作怪，行再多也快。"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from rayeval.domain.functional import CaseResult, Evidence, Outcome
from rayeval.domain.records import REQUESTS
from rayeval.domain.report import RunReport, Status
from rayeval.domain.verdict import GateSpec
from rayeval.export.page import Log, Material, report_html
from rayeval.gate.judge import judge
from tests.real import days
from tests.real.browser import Browser, browser
from tests.real.programs import program
from tests.unit.conftest import Reports

pytestmark = pytest.mark.real

PWN = "document.title='PWNED'"
EVIL = f'</script></pre><img src=x onerror="{PWN}"><svg onload="{PWN}">'
EVIL += f"<script>{PWN}</script><a href='javascript:{PWN}'>x</a>{{{{ 7*7 }}}}\x1b[31m\u202e"
OPENS_IN_S = 3.0
"""issue 9：百万行、两千个用例的报告也要在这么久之内打开。"""
LIMIT_S = 3 * OPENS_IN_S
"""测试机上同时有别的在跑，宽三倍；真的数由人在安静的机器上看。"""
MILLION = 1_000_000


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        browser(program("chromium", "google-chrome"), Path(profile)) as found,
    ):
        yield found


@pytest.fixture
def fresh(chromium: Browser) -> Browser:
    chromium.errors.clear()
    chromium.requests.clear()
    chromium.screen(1280, 900)
    return chromium


def requests_table(n: int, concurrencies: tuple[int, ...]) -> pa.Table:
    """`n` 行，摊在各并发上，每行三个间隔；一百行里有一行超时。"""
    rng = np.random.default_rng(1)
    ttft, wait = rng.lognormal(-1.6, 0.4, n), rng.lognormal(1.0, 0.2, n)
    start = rng.uniform(0, 900, n)
    failed = rng.random(n) < 0.01
    columns = {
        "input_length": np.full(n, 128, np.int32),
        "output_length": np.full(n, 32, np.int32),
        "concurrency": rng.choice(concurrencies, n).astype(np.int32),
        "epoch": rng.integers(0, 3, n).astype(np.int32),
        "phase": pa.array(np.where(rng.random(n) < 0.2, "ramp", "plateau")),
        "start_s": start,
        "end_s": start + wait,
        "ttft_s": ttft,
        "last_token_s": wait,
        "e2e_s": wait,
        "itl_s": pa.FixedSizeListArray.from_arrays(
            pa.array(rng.lognormal(-4, 0.3, 3 * n), pa.float32()), 3
        ).cast(pa.list_(pa.float32())),
        "completion_tokens": np.full(n, 32, np.int32),
        "token_events": np.full(n, 32, np.int32),
        "error_class": pa.array(np.where(failed, "timeout", ""), mask=~failed),
    }
    arrays = [
        (
            pa.array(columns[field.name], field.type)
            if field.name in columns
            else pa.nulls(n, field.type)
        )
        for field in REQUESTS
    ]
    return pa.Table.from_arrays(arrays, schema=REQUESTS)


def many_cases(n: int) -> tuple[CaseResult, ...]:
    """`n` 个用例，一半没过，各带一次不小的往返。"""
    evidence = (Evidence("POST", "/v1/chat/completions", '{"a": 1}', 200, "x" * 20_000),)
    return tuple(
        (
            CaseResult(
                "guided",
                f"guided/case[{i}]",
                Outcome.FAIL,
                0.1,
                "no JSON\n" * 50,
                evidence=evidence,
            )
            if i % 2
            else CaseResult("chat_core", f"chat_core/case[{i}]", Outcome.PASS, 0.1)
        )
        for i in range(n)
    )


def written(
    folder: Path, report: RunReport, baseline: RunReport, table: pa.Table, **more: object
) -> str:
    """画好写到磁盘上，返回它的 file:// 地址。"""
    material = Material(now=lambda _: table, base=lambda _: table, baseline=baseline, **more)
    file = folder / "report.html"
    file.write_bytes(report_html(report, judge(report, baseline, GateSpec()), material))
    return file.as_uri()


@pytest.fixture(scope="module")
def days_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    today, before = days.run("today", time.time()), days.run("yesterday", time.time())
    table = requests_table(2_000, (1, 4, 8))
    return written(tmp_path_factory.mktemp("page"), today, before, table)


def test_every_plot_is_drawn_from_disk_without_errors_or_the_network(fresh, days_page):
    fresh.open(days_page)
    assert fresh.errors == []
    assert fresh.requests == [days_page]
    slots = fresh.run("document.querySelectorAll('.plot').length")
    assert slots >= 13
    assert fresh.run("document.querySelectorAll('.plot[data-drawn] .main-svg').length") >= slots
    assert fresh.run("document.querySelectorAll('.plot.waiting').length") == 0


def test_a_choice_draws_another_figure(fresh, days_page):
    fresh.open(days_page)
    title = "document.querySelector('[data-slot=s0-cdf]').layout.xaxis.title.text"
    before = fresh.run(title)
    changed = fresh.run(
        "new Promise(done => { const place = document.querySelector('[data-slot=s0-cdf]');"
        " const select = place.closest('.card').querySelectorAll('select')[1];"
        " place.once('plotly_afterplot', () => done(place.layout.xaxis.title.text));"
        " select.value = 'e2e'; select.dispatchEvent(new Event('change', {bubbles: true})); })"
    )
    assert (before, changed) == ("TTFT (ms)", "E2E (ms)")


def test_a_phone_needs_no_sideways_scrolling(fresh, days_page):
    fresh.screen(390, 844, phone=True)
    fresh.open(days_page)
    assert fresh.run("document.documentElement.scrollWidth") == 390
    assert fresh.errors == []


def test_the_language_turns_texts_and_plots(fresh, days_page):
    fresh.open(days_page)
    english = fresh.run("document.body.innerText")
    assert "What changed?" in english
    assert "变了什么" not in english
    fresh.run(
        "new Promise(done => { document.querySelector('[data-slot=s0-cdf]')"
        ".once('plotly_afterplot', () => done(true));"
        " document.getElementById('language').click(); })"
    )
    chinese = fresh.run("document.body.innerText")
    assert "变了什么" in chinese
    assert "What changed?" not in chinese
    assert (
        fresh.run("document.querySelector('[data-slot=s0-cdf]').layout.yaxis.title.text")
        == "份额（%）"
    )
    fresh.run("document.getElementById('language').click()")


def test_dark_follows_the_system_and_the_button(fresh, days_page):
    paper = "getComputedStyle(document.body).backgroundColor"
    fresh.open(days_page)
    light = fresh.run(paper)
    fresh.screen(1280, 900, dark=True)
    fresh.open(days_page)
    dark = fresh.run(paper)
    fresh.run("document.getElementById('theme').click()")
    assert dark != light == fresh.run(paper)
    fresh.run("document.getElementById('theme').click()")


def saying(folder: Path, text: str) -> str:
    """处处的名字与话都是 `text` 的一页。"""
    case = CaseResult(
        text, text, Outcome.FAIL, 0.1, text, evidence=(Evidence("POST", text, text, 200, text),)
    )
    scenario = Reports.scenario(
        scenario=text,
        model=text,
        cases=(case,),
        cells=(Reports.cell(provider=text),),
        accuracy=Reports.accuracy(dataset_name=text),
        fingerprint={text: text},
        artifacts=(f"logs/{text}",),
    )
    scenario = Reports.with_stage(scenario, "perf", Status.ERROR, text)
    table = requests_table(500, (4,)).set_column(
        REQUESTS.get_field_index("error_class"), "error_class", pa.array([None, text] * 250)
    )
    slower = dataclasses.replace(scenario, cells=(Reports.cell(ttft=0.5),))
    more = {"logs": {text: (Log(text, text, 1),)}, "config": text, "command": text}
    return written(folder, Reports.run(scenario), Reports.run(slower), table, **more)


@pytest.mark.parametrize("width", [320, 390])
def test_a_word_without_an_end_does_not_widen_a_phone(fresh, tmp_path, width):
    fresh.screen(width, 844, phone=True)
    fresh.open(saying(tmp_path, "endless" * 40))
    fresh.run("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    assert fresh.run("document.documentElement.scrollWidth") == width


def test_nothing_that_the_service_says_runs(fresh, tmp_path):
    page = saying(tmp_path, EVIL)
    fresh.open(page)
    assert "rayeval" in fresh.run("document.title")
    assert "PWNED" not in fresh.run("document.title")
    assert (
        fresh.run(
            "document.querySelectorAll('img, iframe, main svg:not(.main-svg, .plot svg)').length"
        )
        == 0
    )
    assert fresh.run("document.querySelectorAll('a[href^=javascript]').length") == 0
    assert fresh.requests == [page]
    assert fresh.errors == []


def test_a_million_requests_and_two_thousand_cases_open_at_once(fresh, tmp_path):
    streams = (1, 2, 4, 8, 16, 32, 64, 128)
    scenario = Reports.scenario(
        cells=tuple(Reports.cell(concurrency=permits) for permits in streams),
        cases=many_cases(2_000),
    )
    run = Reports.run(scenario)
    page = written(tmp_path, run, run, requests_table(MILLION, streams))
    assert (tmp_path / "report.html").stat().st_size < 5_000_000
    assert fresh.open(page) < LIMIT_S
    assert fresh.errors == []
