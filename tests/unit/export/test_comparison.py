"""对照表：两边的数、变化、判法；退出码只由比较的规则定。"""

import io
from dataclasses import replace

from rich.console import Console

from rayeval.domain.verdict import GateSpec
from rayeval.export.comparison import comparing, comparison_md, comparison_tables
from rayeval.gate.across import alike, differing, unjudged
from rayeval.gate.judge import judge


def compared(reports, **cell):
    now = reports.run(reports.scenario(cells=(reports.cell(**cell),)), run_id="b|<b>")
    base = reports.run(run_id="a")
    return base, now, comparing(judge(now, base, GateSpec()), base)


def test_equal_runs_pass_and_every_metric_has_a_row(reports):
    base, now, verdict = compared(reports)
    text = comparison_md(base, now, verdict).decode()
    assert verdict.exit_code == 0
    for metric in ("TTFT P99 (s)", "E2E P99 (s)", "QPS (/s)", "Failed (ratio)", "Accuracy"):
        assert metric in text
    assert "<b>" not in text
    assert "| 10% |" in text  # 相对的限
    assert "| 0.5 |" in text  # 最低分


def test_a_regression_is_exit_code_1_with_its_change(reports):
    base, now, verdict = compared(reports, ttft=1.15)
    assert verdict.exit_code == 1
    out = io.StringIO()
    console = Console(file=out, width=200)
    for part in comparison_tables(base, now, verdict):
        console.print(part)
    assert "+15.0%" in out.getvalue()
    assert "robust: inconclusive" in out.getvalue()


def test_runs_without_a_common_value_are_inconclusive(reports):
    base = reports.run()
    now = reports.run(reports.scenario(cells=(), accuracy=None))
    verdict = comparing(judge(now, base, GateSpec()), base)
    assert verdict.exit_code == 4
    assert b"Nothing was compared." in comparison_md(base, now, verdict)


def test_another_engine_digest_is_incomparable(reports):
    now = reports.run(reports.scenario(fingerprint={"engine": "other", "gpu": "none"}))
    verdict = comparing(judge(now, reports.run(), GateSpec()), reports.run())
    assert verdict.exit_code == 4
    assert [f.kind for f in verdict.findings if f.rule == "comparable"] == ["incomparable"]


def test_two_services_side_by_side_have_one_line_that_says_why_none_is_judged(reports):
    slow = reports.cell(ttft=2.0, fail_ratio=0.03)
    now = reports.run(reports.scenario(cells=(slow,), fingerprint={"engine": "other"}))
    base = reports.run()
    verdict = judge(now, alike(base, now), GateSpec())
    findings = tuple(unjudged(verdict.findings, differing(now, base)))
    verdict = comparing(replace(verdict, findings=findings), base)
    text = comparison_md(base, now, verdict).decode()
    assert verdict.exit_code == 4
    assert "| TTFT P99 (s) | 1 | 2 | +100.0% |" in text
    assert "| Failed (ratio) | 0 | 0.03 |" in text
    notes = [line for line in text.splitlines() if line.startswith("- ")]
    assert [note.split(" ")[1] for note in notes] == ["INCONCLUSIVE"]


def told(width, *runs):
    out = io.StringIO()
    console = Console(file=out, width=width)
    for part in comparison_tables(*runs):
        console.print(part)
    return out.getvalue()


def test_eighty_columns_cut_no_number(reports):
    name = {"input_length": 4096, "output_length": 1024, "concurrency": 16}
    base = reports.run(reports.scenario(cells=(reports.cell(**name, ttft=12345.678),)))
    now = reports.run(reports.scenario(cells=(reports.cell(**name, ttft=23456.789),)))
    verdict = comparing(judge(now, base, GateSpec()), base)
    text = told(80, base, now, verdict)
    assert "…" not in text
    table, _, notes = text.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 80
    [row] = [line for line in table.splitlines() if "TTFT P99 ms" in line]
    assert row.split()[:6] == ["TTFT", "P99", "ms", "1.235e+07", "2.346e+07", "+90.0%"]
    assert "Interval" not in table
    assert "Interval" in told(120, base, now, verdict)
    assert notes.startswith("FAIL local_demo in4096_out1024_c16 ttft_p99: ")


def test_a_cell_is_named_once_and_its_metrics_stand_together(reports):
    cells = (reports.cell(), reports.cell(concurrency=8))
    run = reports.run(reports.scenario(cells=cells))
    text = told(80, run, run, comparing(judge(run, run, GateSpec()), run))
    assert [text.count(name) for name in ("in128_out32_c4", "in128_out32_c8")] == [1, 1]
    after = text.partition("in128_out32_c8")[2]
    assert all(metric in after for metric in ("Failed %", "TTFT P99 ms", "E2E P99 ms", "QPS"))
