"""最后的几张表：数字对、重复的不说两遍、服务的话不当控制字符。"""

import io
from dataclasses import replace

from rich.console import Console

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import Status
from rayeval.domain.verdict import Finding, Level, Verdict
from rayeval.export import terminal


def shown(report, verdict):
    out = io.StringIO()
    console = Console(file=out, width=160)
    for renderable in terminal.summary(report, verdict):
        console.print(renderable)
    return out.getvalue()


def test_numbers_are_those_of_the_report(reports):
    text = shown(reports.run(), Verdict((), 0))
    assert "in128_out32_c4" in text
    assert "20.00" in text  # QPS
    assert "10000.0" in text  # E2E P99, ms
    assert "PASS without a baseline (exit code 0)" in text


def test_failures_are_listed_once_and_escaped(reports):
    case = CaseResult("chat_core", "chat_core/bad", Outcome.FAIL, 0.1, "said [red]\x1b[31mno\nmore")
    scenario = reports.with_stage(
        reports.scenario(cases=(case,)), "functional", Status.FAIL, "1 of 1 cases did not pass"
    )
    finding = Finding("functional", Level.FAIL, "broken", "local_demo", case.case_id, "said")
    text = shown(reports.run(scenario), Verdict((finding,), 1))
    assert text.count("chat_core/bad") == 1
    assert "[red] [31mno" in text
    assert "\x1b" not in text


def test_many_failures_are_cut_with_a_pointer(reports):
    cases = tuple(CaseResult("s", f"s/{n}", Outcome.ERROR, 0.1, "x") for n in range(30))
    text = shown(reports.run(reports.scenario(cases=cases)), Verdict((), 1))
    assert "and 10 more" in text


def test_error_stage_shows_reason_and_log_tail(reports):
    scenario = reports.with_stage(reports.scenario(), "ready", Status.ERROR, "exited with code 3")
    stages = tuple(
        replace(stage, log_tail="no such model") if stage.stage == "ready" else stage
        for stage in scenario.stages
    )
    text = shown(reports.run(replace(scenario, stages=stages)), Verdict((), 1))
    assert "exited with code 3" in text
    assert "| no such model" in text


def test_uncertified_cell_says_why(reports):
    scenario = reports.scenario(cells=(reports.cell(ok=False),))
    finding = Finding(
        "qps", Level.INCONCLUSIVE, "uncertified", "local_demo", "in128_out32_c4", "loop lag"
    )
    text = shown(reports.run(scenario), Verdict((finding,), 4, "base"))
    assert "loop lag P99" in text
    assert "INCONCLUSIVE against base (exit code 4)" in text
