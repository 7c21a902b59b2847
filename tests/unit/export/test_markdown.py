"""report.md：说了什么，以及不可信的文字翻不出格子。"""

import re

import pytest

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import CacheVerdict, Status
from rayeval.domain.verdict import Finding, Level, Verdict
from rayeval.export.markdown import MAX_CASES, escape, report_md

EVIL = "a|b\n# head\r<script>alert(1)</script> `x` [l](https://e.example) @all \u202e ![i](x) *b*"


def finding(level=Level.FAIL, rule="ttft_p99", **changes):
    values = {"kind": "broken", "scenario": "local_demo", "where": "in128_out32_c4"}
    values |= {"message": "1 s → 1.2 s"} | changes
    return Finding(rule, level, **values)


def render(report, *findings, code=0, baseline=None):
    return report_md(report, Verdict(findings, code, baseline)).decode()


def test_the_first_line_is_the_verdict(reports):
    for code, word in ((0, "passed"), (1, "failed"), (3, "no scenario"), (4, "inconclusive")):
        assert word in render(reports.run(), code=code).splitlines()[0]


def test_numbers_and_changes_stand_in_the_cell_row(reports):
    text = render(reports.run(), finding(change=0.2), baseline="runs/base")
    (row,) = [line for line in text.splitlines() if "640" in line]
    assert "| 1 | 1 (+20.0%) | 10 | 20 | 640 | 0.0% | ok |" in row
    assert "baseline: runs/base" in text


def test_goodput_and_server_ttft_have_columns_where_they_are_known(reports):
    stats = {name: reports.stats(0.5, 50) for name in ("ttft", "e2e", "server_ttft")}
    cell = reports.cell(
        stats=stats,
        good_qps=3.0,
        good_ratio=0.25,
        cache=CacheVerdict.CONTAMINATED,
        cache_hit_ratio=0.4,
    )
    other = reports.scenario(scenario="other")
    text = render(reports.run(reports.scenario(cells=(cell,)), other))
    assert "| TTFT avg (s) | Server TTFT avg (s) | TTFT P99 (s) |" in text
    assert "| 0.5 | 0.5 | 0.5\\* | 0.5\\* | 20 | 3/s (25.0%) | 640 |" in text
    assert "| 1 | – | 1 | 10 | 20 | – | 640 |" in text
    assert "\\* P99 of fewer than 100 samples" in text
    assert "- local\\_demo" not in text
    assert "- local_demo in128_out32_c4: cache contaminated: 40% of the prompt tokens" in text
    assert "Server TTFT" not in render(reports.run())


def test_undefined_numbers_are_dashes(reports):
    cell = reports.cell(qps=float("nan"), fail_ratio=float("nan"), stats={}, plateau={})
    text = render(reports.run(reports.scenario(cells=(cell,))))
    assert "| – | – | – | – | 640 | – | ok |" in text


def test_stages_that_never_ran_are_told_from_unplanned_ones(reports):
    scenario = reports.scenario(planned=("launch", "ready", "perf"), stages=())
    assert "| never ran | never ran | – | never ran | – | – |" in render(reports.run(scenario))


def test_heavy_findings_come_first_and_passed_ones_are_counted(reports):
    text = render(
        reports.run(),
        finding(Level.OK, kind="passed"),
        finding(Level.WARN, message="second"),
        finding(Level.FAIL, message="first"),
    )
    assert text.index("first") < text.index("second")
    assert "1 check passed" in text


def test_warnings_and_interruption_are_in_the_first_line(reports):
    assert "passed, with warnings" in render(reports.run(), finding(Level.WARN)).splitlines()[0]
    assert "interrupted" in render(reports.run(interrupted=True), code=1).splitlines()[0]


def test_findings_of_one_cause_share_a_row(reports):
    cases = [
        finding(rule="functional", where=f"guided/case{i}", message="no JSON") for i in range(3)
    ]
    text = render(reports.run(), *cases, finding(message="another"))
    assert text.count("no JSON") == 1
    assert "guided/case0 and 2 more" in text
    assert "Findings: 4 fail." in text


def test_failed_cases_show_their_first_line_up_to_a_limit(reports):
    cases = tuple(
        CaseResult("s", f"s/c{i}", Outcome.FAIL, 0.1, "why\nhidden detail") for i in range(60)
    )
    text = render(reports.run(reports.scenario(cases=cases)))
    assert text.count(": why") == MAX_CASES
    assert "hidden detail" not in text
    assert f"and {60 - MAX_CASES} more" in text


def test_accuracy_shows_its_interval_and_prompt(reports):
    assert "0.8 | 0.6 – 0.98 | 0.5 | 20" in render(reports.run())


def test_text_from_outside_stays_in_its_cell(reports):
    scenario = reports.scenario(
        scenario=EVIL, cases=(CaseResult(EVIL, EVIL, Outcome.ERROR, 0.1, EVIL),)
    )
    scenario = reports.with_stage(scenario, "perf", Status.ERROR, EVIL)
    report = reports.run(scenario, run_id=EVIL, run_type=EVIL)
    text = render(report, finding(message=EVIL, scenario=EVIL, where=EVIL), baseline=EVIL)
    assert "<script" not in text
    assert "https://" not in text
    assert "@all" not in text
    assert "\u202e" not in text
    assert not re.search(r"^# head", text, re.MULTILINE)
    for line in text.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in {6, 8, 10, 12}, line


@pytest.mark.parametrize("text", [EVIL, "\\|", "x" * 1000, "\ud800", "\\", "\\\\|"])
def test_an_escaped_cell_has_no_live_pipe_and_encodes(text):
    out = escape(text)
    out.encode()
    for run in re.finditer(r"(\\*)\|", out):
        assert len(run[1]) % 2 == 1


def test_long_text_is_cut():
    assert len(escape("x" * 1000)) == 300
