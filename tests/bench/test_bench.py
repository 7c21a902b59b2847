"""基准自己的算法：真值怎么读、怎么配，表怎么写，参数怎么拒。"""

from __future__ import annotations

import os
import shlex
import sys

import pytest

from tests.bench.__main__ import main
from tests.bench.bench import Bench, Trial, limits
from tests.bench.child import Result, Row
from tests.bench.launch import Measured
from tests.bench.load import scaling
from tests.bench.machine import Quiet, cores
from tests.bench.service import FLOOD, Given, Launched
from tests.bench.summary import measure, synthetic
from tests.bench.table import Column, Table
from tests.bench.talk import Stamps
from tests.bench.truth import compare, quantile, read_truth

OURS = "seq,request_id,t_req,t_first,t_last,t_done,tokens,status\n"
OTHERS = "seq,conn,request_id,status,want,tokens,t_conn,t_req0,t_req,t_first,t_last,t_done\n"


def row(name: str, ttft_s: float | None, span_s: float = 0.3, events: int = 4) -> Row:
    return Row(name, 0.0, 1.0, ttft_s, span_s, events, events)


@pytest.mark.parametrize(
    "text",
    [
        OURS + "0,a,1000000000,1050000000,1350000000,1350000001,4,200\n",
        OTHERS + "0,7,a,200,4,4,9,9,1000000000,1050000000,1350000000,1350000001\n",
    ],
)
def test_a_truth_log_is_read_by_the_names_of_its_columns(tmp_path, text):
    log = tmp_path / "truth.csv"
    log.write_text(text)
    found = read_truth(log)["a"]
    assert found.ttft_s == pytest.approx(0.05)
    assert (found.asked, found.span_s, found.tokens) == (1.0, pytest.approx(0.3), 4)


def test_unfinished_nameless_and_half_written_lines_are_no_truth(tmp_path):
    log = tmp_path / "truth.csv"
    log.write_text(OURS + "0,a,1,0,0,9,0,499\n1,,1,2,3,4,4,200\n2,b,1,2")
    assert read_truth(log) == {}


def test_a_log_without_the_columns_says_which(tmp_path):
    log = tmp_path / "truth.csv"
    log.write_text("request_id,t_req,t_first\n")
    with pytest.raises(ValueError, match="no column t_last, t_done, tokens"):
        read_truth(log)


def test_rows_and_truth_meet_by_request_id_and_failures_stay_out(tmp_path):
    log = tmp_path / "truth.csv"
    lines = [f"{n},{name},0,50000000,350000000,400000000,4,200" for n, name in enumerate("abc")]
    log.write_text(OURS + "\n".join(lines) + "\n")
    rows = [row("a", 0.051), row("b", 0.053, span_s=0.36), row("c", None), row("z", 9.0)]
    found = compare(rows, read_truth(log))
    assert found is not None
    assert found.joined == 2
    assert found.ttft_mean_s == pytest.approx(0.002)
    assert found.ttft_p50_s == pytest.approx(0.002)
    assert found.itl_ratio == pytest.approx(1.1)
    assert found.busy_s == pytest.approx(0.8)
    assert compare([row("z", 1.0)], read_truth(log)) is None


def test_quantiles_are_interpolated():
    assert quantile([1.0, 2.0, 4.0], 0.75) == 3.0
    assert quantile([7.0], 0.99) == 7.0


def test_a_row_shows_median_and_range_and_ratios_are_made_round_by_round():
    table = Table("t", "title", "", ("client",), (Column("rate", "rate"), Column("x", "x", ".1f")))
    for ours, theirs in ((100, 10), (300, 10), (200, 40)):
        table.add(("us",), rate=ours)
        table.add(("them",), rate=theirs, x=None)
    table.compare("rate", "x", "us")
    assert "| us | 200 (100 – 300) | – |" in table.markdown()
    assert "| them | 10 (10 – 40) | 10.0 (5.0 – 30.0) |" in table.markdown()
    assert table.plain()["rows"][1]["samples"]["x"] == [10, 30, 5]


def test_only_events_with_text_are_tokens():
    stamps = Stamps(1.0)
    stamps.see(b": ping", 1.1)
    stamps.see(b'data: {"choices":[{"delta":{"role":"assistant","content":""}}]}', 1.2)
    assert stamps.row("a").ttft_s is None
    stamps.see(b'data: {"choices":[{"delta":{"reasoning":"hm"}}]}', 1.5)
    stamps.see(b'data: {"choices":[{"delta":{"content":"x"}}]}', 2.0)
    stamps.see(b'data: {"choices":[],"usage":{"completion_tokens":2}}', 2.1)
    stamps.see(b"data: [DONE]", 2.2)
    found = stamps.row("a")
    assert (found.ttft_s, found.span_s, found.events, found.completion_tokens) == (0.5, 0.5, 2, 2)
    assert found.as_asked(2)
    assert not found.as_asked(3)


def test_the_summary_of_a_synthetic_table_has_every_step():
    table = synthetic(640)
    found = measure(table)
    assert list(found) == [
        "table read",
        "summary, all columns",
        "requests CSV",
        "requests Parquet",
    ]
    assert all(seconds >= 0 and peak > 0 for seconds, peak in found.values())


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--only", "flood,speed"], "--only speed: choose from flood, pace"),
        (["--repeats", "0"], "--repeats must be at least 1"),
        (["--url", "http://127.0.0.1:1/v1", "--service", "x"], "exclude each other"),
        (["--truth", "x.csv"], "--truth goes with --url"),
    ],
)
def test_flags_that_make_no_sense_are_refused_with_the_mend(capsys, argv, message):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--url", "http://127.0.0.1:1"], "give the base URL"),
        (["--service", "x --port 1"], "it needs {port}"),
        (["--service", "ls --port={port}"], "the service ended before it listened"),
    ],
)
def test_a_service_that_cannot_be_is_one_line_and_not_a_traceback(capsys, argv, message):
    assert main([*argv, "--only", "flood", "--quick"]) == 3
    assert message in capsys.readouterr().err


def test_scaling_without_a_core_for_each_says_what_it_needs():
    bench = Bench(Given("http://127.0.0.1:1/v1"), "m", cores()[:1], 1, 1.0, True)
    table = scaling(bench)
    assert not table.rows
    assert "three in all" in table.markdown()


@pytest.mark.parametrize(("used_s", "named"), [(9.5, True), (8.5, False), (None, False)])
def test_a_service_that_fills_its_core_is_named_as_the_limit(used_s, named):
    result = Result(0.0, 10.0, 10.0, 1.0, 5, 0, {}, [])
    found = limits({"rayeval": [Trial(Measured((result,), used_s, 0.0), None)]})
    assert any("for rayeval" in line for line in found) is named


def test_work_of_others_is_noise(monkeypatch):
    quiet = Quiet()
    monkeypatch.setattr("tests.bench.machine._stat", lambda: (1e9, 0.0))
    assert any("other processes used" in line for line in quiet.noise())


def test_a_launched_service_is_pinned_and_gone_afterwards():
    argv = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "{port}"]
    service = Launched(shlex.join(argv), cores()[0], "http.server")
    with service.serve(FLOOD) as running:
        used = running.cpu_s()
        assert used is not None
        assert os.sched_getaffinity(running._pid) == {cores()[0]}
    assert running.truth is None
    with pytest.raises(FileNotFoundError):
        running.cpu_s()
