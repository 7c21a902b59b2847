"""最后的几张表：数字对、重复的不说两遍、服务的话不当控制字符。"""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from rayeval.domain.functional import CaseResult, Outcome
from rayeval.domain.report import CacheVerdict, ServerMetrics, Status
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


def test_cases_that_failed_for_one_reason_stand_in_one_line(reports):
    gone = [CaseResult("s", f"s/{n}", Outcome.ERROR, 0.1, "not run: gone\nmore") for n in range(30)]
    other = CaseResult("t", "t/1", Outcome.FAIL, 0.1, "wrong")
    text = shown(reports.run(reports.scenario(cases=(*gone, other))), Verdict((), 1))
    assert text.count("not run: gone") == 1
    assert "s: 30 cases: not run: gone" in text
    assert "t/1: wrong" in text


def test_many_failures_are_cut_with_a_pointer(reports):
    cases = tuple(CaseResult("s", f"s/{n}", Outcome.ERROR, 0.1, f"x{n}") for n in range(30))
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


def rich_cell(reports, n=200, **changes):
    names = ("ttft", "e2e", "tpot", "server_ttft", "client_queue", "response")
    stats = {name: reports.stats(12.3456, n) for name in names}
    return reports.cell(
        concurrency=16,
        input_length=4096,
        output_length=1024,
        stats=stats,
        plateau=stats,
        **{
            "good_ratio": 0.931,
            "good_qps": 12.3,
            "cache": CacheVerdict.CONTAMINATED,
            "cache_hit_ratio": 0.43,
            "server": ServerMetrics("vllm", agrees={"requests": 1.0, "generation_tokens": 1.25}),
            "shed": 3,
        }
        | changes,
    )


def test_goodput_and_the_server_have_columns_only_where_they_are_known(reports):
    plain = shown(reports.run(), Verdict((), 0))
    assert "good" not in plain
    assert "server" not in plain
    rich = shown(reports.run(reports.scenario(cells=(rich_cell(reports),))), Verdict((), 0))
    assert "good" in rich
    assert "server" in rich
    assert " 93.1 " in rich


def test_notes_say_in_words_what_spoils_the_numbers(reports):
    text = shown(reports.run(reports.scenario(cells=(rich_cell(reports),))), Verdict((), 0))
    assert "43% of the prompt tokens came from the prefix cache" in text
    assert "3 requests were shed" in text
    assert "waited 12345.6 ms on average" in text
    assert "counts 1.25 × our completion tokens" in text
    assert "our requests" not in text


def test_a_p99_of_few_samples_is_marked(reports):
    few = shown(reports.run(reports.scenario(cells=(rich_cell(reports, 99),))), Verdict((), 0))
    assert "12345.6*" in few
    assert "* P99 of fewer than 100 samples" in few
    enough = shown(reports.run(reports.scenario(cells=(rich_cell(reports, 100),))), Verdict((), 0))
    assert "*" not in enough


def test_the_fullest_table_fits_a_hundred_columns(reports):
    out = io.StringIO()
    scenario = reports.scenario(cells=(rich_cell(reports, 99),))
    for renderable in terminal.summary(reports.run(scenario), Verdict((), 0)):
        Console(file=out, width=100).print(renderable)
    (row,) = [
        line for line in out.getvalue().splitlines() if line.startswith("in4096_out1024_c16 ")
    ]
    assert "12345.6*" in row
    assert row.rstrip().endswith("ok")


@pytest.mark.parametrize("certified", [True, False])
def test_a_cell_that_never_left_the_ramp_says_so(reports, certified):
    scenario = reports.scenario(cells=(reports.cell(plateau={}, ok=certified),))
    text = shown(reports.run(scenario), Verdict((), 0))
    assert "ramp only: never held 4 in flight; ask for more requests" in text


def test_what_several_cells_have_to_say_is_said_once(reports):
    cells = [reports.cell(plateau={}, output_length=n) for n in (32, 64)]
    text = shown(reports.run(reports.scenario(cells=tuple(cells))), Verdict((), 0))
    assert text.count("ramp only") == 1
    assert " in128_out32_c4, in128_out64_c4: ramp only" in text


def test_only_what_the_compat_verdict_lets_pass_counts_as_strict_only(reports):
    outcomes = (Outcome.PASS, Outcome.SKIP, Outcome.FAIL)
    cases = tuple(
        CaseResult("s", f"s/{one}", one, 0.1, "x", strict=Outcome.FAIL, strict_message="y")
        for one in outcomes
    )
    text = shown(reports.run(reports.scenario(cases=cases)), Verdict((), 1))
    assert "STRICT only the letter of the interface is broken in 2 cases: s/PASS, s/SKIP" in text
    [row] = [line for line in text.splitlines() if line.startswith("s  ")]
    assert row.split()[1:6] == ["1", "1", "1", "0", "2"]


def test_the_file_with_all_cases_is_named(reports):
    cases = tuple(CaseResult("s", f"s/{n}", Outcome.ERROR, 0.1, f"x{n}") for n in range(30))
    place = "functional/local_demo/20260101T000000Z/results.json"
    scenario = reports.scenario(cases=cases, artifacts=("logs/a.log", place))
    assert f"and 10 more in {place}" in shown(reports.run(scenario), Verdict((), 1))


def test_a_reason_from_the_service_cannot_steer_the_terminal(reports):
    cell = reports.cell(ok=False)
    cell = replace(cell, certificate=replace(cell.certificate, reasons=("bad \x1b[31m\n[b]x",)))
    text = shown(reports.run(reports.scenario(cells=(cell,))), Verdict((), 0))
    assert "bad  [31m [b]x" in text


def narrow(report, verdict=None, width=80):
    out = io.StringIO()
    for renderable in terminal.summary(report, verdict or Verdict((), 0)):
        Console(file=out, width=width).print(renderable)
    return out.getvalue()


def test_eighty_columns_drop_columns_instead_of_cutting_numbers(reports):
    scenario = reports.scenario(cells=(rich_cell(reports, 99),))
    text = narrow(reports.run(scenario))
    assert "…" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("in4096_out1024_c16 ")]
    assert row.count("12345.6*") == 2  # 门禁看的两个 P99
    assert row.rstrip().endswith("ok")
    assert "columns left out" in text
    assert "columns left out" not in narrow(reports.run(scenario), width=160)


def test_eighty_columns_hold_the_stages_of_a_long_name(reports):
    scenario = replace(reports.scenario(), scenario="k8s_pd_qwen3_235b_a22b_fp8_h800_tp8_dp16")
    text = narrow(reports.run(scenario))
    assert "…" not in text
    assert "k8s_pd_qwen3_235b_a22b" in text
    assert max(map(len, text.splitlines())) <= 80


def test_several_scenarios_have_a_verdict_each(reports):
    good = replace(reports.scenario(), scenario="good")
    bad = replace(reports.scenario(), scenario="bad")
    lost = replace(
        reports.with_stage(reports.scenario(), "perf", Status.SKIPPED, "x"), scenario="lost"
    )
    findings = (
        Finding("qps", Level.FAIL, "broken", "bad", "in1_out1_c1", "fell \x1b[31mby half"),
        Finding("perf", Level.WARN, "not_measured", "lost", "perf", "the stage never ran"),
    )
    text = narrow(reports.run(good, bad, lost), Verdict(findings, 1))
    assert "good  PASS" in text
    assert "bad   FAIL          qps in1_out1_c1: fell  [31mby half" in text
    assert "lost  NOT MEASURED  perf: the stage never ran" in text
    several = (*findings, Finding("functional", Level.FAIL, "broken", "bad", "a/b", "x"))
    text = narrow(reports.run(good, bad), Verdict(several, 1))
    assert "bad   FAIL  qps, functional" in text
    stopped = reports.with_stage(good, "perf", Status.CANCELLED, "interrupted")
    text = narrow(reports.run(stopped, bad), Verdict(several[:2], 1))
    assert "good  INTERRUPTED" in text
    twice = narrow(reports.run(good, bad), Verdict((findings[0], findings[0]), 1))
    assert "by half (+ 1 more)" in twice
    alone = narrow(reports.run(bad), Verdict(findings, 1))
    assert "bad   FAIL" not in alone


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"min_score": None}, "no min_score"),
        ({"min_score": 0.5}, "ok"),
        ({"min_score": 0.9}, "not ok"),
        ({"min_score": None, "valid": False}, "not ok"),
    ],
)
def test_a_score_of_which_nothing_was_asked_is_not_called_ok(reports, changes, word):
    text = shown(
        reports.run(reports.scenario(accuracy=reports.accuracy(**changes))), Verdict((), 0)
    )
    [line] = [line for line in text.splitlines() if line.startswith("accuracy ")]
    assert line.rstrip().endswith(f"prompt: rayeval, {word}")
