"""`rayeval report` 与 `compare --html`：从存盘的运行画页面；缺什么少什么，不编。"""

import json
import os
import webbrowser

import pyarrow as pa
import pytest
import yaml
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.domain.records import REQUESTS
from rayeval.export import report_json
from rayeval.export.parquet import parquet

ROWS = "perf/20260101T000000/local_demo/requests.parquet"
LOG = "logs/service_local_demo.log"


def store(root, reports, run_id, **cell):
    """一次存盘的运行：报告、原始行、日志、命令与配置。"""
    scenario = reports.scenario(cells=(reports.cell(**cell),), artifacts=(ROWS, LOG))
    folder = root / "runs" / "20260101T000000"
    for path in (root / ROWS, root / LOG, folder / "report.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
    row = {"input_length": 128, "output_length": 32, "concurrency": 4, "phase": "plateau"}
    row |= {"epoch": 0, "start_s": 0.0, "end_s": 1.0, "ttft_s": 0.1, "e2e_s": 1.0, "itl_s": [0.1]}
    (root / ROWS).write_bytes(parquet(pa.Table.from_pylist([row], schema=REQUESTS)))
    (root / LOG).write_text("\x1b[32mINFO\x1b[0m engine up\n", encoding="utf-8")
    (folder / "command.json").write_text('{"argv": ["rayeval", "run"]}', encoding="utf-8")
    (folder / "report.json").write_bytes(report_json.encode(reports.run(scenario, run_id=run_id)))
    return folder


@pytest.fixture
def runs(tmp_path, reports):
    return store(tmp_path / "a", reports, "first"), store(
        tmp_path / "b", reports, "second", ttft=1.2
    )


def rayeval(*words):
    return CliRunner().invoke(cli, [str(word) for word in words])


def test_report_writes_both_pages_beside_the_report_and_says_where(runs):
    _, folder = runs
    done = rayeval("report", folder)
    assert done.exit_code == 0, done.output
    assert done.output.split() == [str(folder / "report.html"), str(folder / "report.md")]
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "INFO engine up" in html
    assert '"argv": [' in html.replace("&#34;", '"')
    assert f'href="../../{LOG}"' in html


def test_report_of_an_artifacts_folder_is_the_newest_runs(runs, tmp_path):
    done = rayeval("report", tmp_path / "a")
    assert done.output.split()[0] == str(runs[0] / "report.html")


def test_report_elsewhere_links_to_nothing_beside_it(runs, tmp_path):
    done = rayeval("report", runs[0], "--to", tmp_path / "elsewhere")
    assert done.exit_code == 0, done.output
    html = (tmp_path / "elsewhere" / "report.html").read_text(encoding="utf-8")
    assert 'href="../' not in html
    assert not (runs[0] / "report.html").exists()


def test_a_named_baseline_is_drawn_beside_the_run(runs):
    first, second = runs
    done = rayeval("report", second, "--baseline", first)
    assert done.exit_code == 0, done.output
    assert "+20.0 %" in (second / "report.html").read_text(encoding="utf-8")


def test_a_named_folder_without_a_baseline_is_told(runs, tmp_path, caplog):
    assert rayeval("gate", runs[1], "--baseline", tmp_path / "a").exit_code == 0
    assert "no complete daily run" in caplog.text
    assert str(tmp_path / "a") in caplog.text


def test_a_report_whose_rows_and_config_are_gone_still_has_its_page(runs, tmp_path):
    (tmp_path / "a" / ROWS).unlink()
    (tmp_path / "a" / LOG).unlink()
    (runs[0] / "config.resolved.yaml").write_text("plans: [{", encoding="utf-8")
    done = rayeval("report", runs[0])
    assert done.exit_code == 0, done.output
    assert "Percentiles" in (runs[0] / "report.html").read_text(encoding="utf-8")


def resolved(folder, **terms):
    (folder / "config.resolved.yaml").write_text(yaml.safe_dump(terms), encoding="utf-8")


def test_a_stored_run_is_judged_by_its_own_terms(runs, tmp_path):
    first, second = runs
    resolved(second, gate={"missing_baseline": "fail"}, baseline=str(first))
    done = rayeval("gate", second)
    assert done.exit_code == 1
    assert "+20.0%" in done.output
    resolved(second, gate={"missing_baseline": "fail"}, baseline=str(tmp_path / "gone"))
    done = rayeval("gate", second)
    assert (done.exit_code, "no baseline for this scenario" in done.output) == (1, True)
    resolved(second, gate={"missing_baseline": "ignore"})
    assert rayeval("gate", second).exit_code == 0


def test_a_missing_baseline_says_which_run_will_be_it(runs):
    assert "that is complete, without a failed functional case, becomes it" in " ".join(
        rayeval("gate", runs[0]).output.split()
    )


def test_a_run_that_has_not_finished_says_how_to_go_on(tmp_path):
    folder = tmp_path / "killed" / "runs" / "20260101T000000Z"
    folder.mkdir(parents=True)
    (folder / "command.json").write_text('{"run_id": "20260101T000000Z-abc"}')
    done = rayeval("report", tmp_path / "killed")
    assert done.exit_code == 2
    assert "--resume 20260101T000000Z-abc" in " ".join(done.output.split())


@pytest.mark.parametrize("name", ["logs/../../secret", "logs/pipe", "logs/a\0b", "logs/absent"])
def test_only_plain_files_of_the_artifacts_get_into_the_page(tmp_path, reports, name):
    (tmp_path / "secret").write_text("root:x:0")
    folder = store(tmp_path / "a", reports, "first")
    os.mkfifo(tmp_path / "a" / "logs" / "pipe")
    scenario = reports.scenario(artifacts=(name, LOG))
    (folder / "report.json").write_bytes(report_json.encode(reports.run(scenario)))
    done = rayeval("report", folder)
    assert done.exit_code == 0, done.output
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "root:x:0" not in html
    assert "engine up" in html


def test_a_place_without_a_run_is_told(tmp_path):
    done = rayeval("report", tmp_path / "nowhere")
    assert done.exit_code == 2
    assert "nowhere" in done.output
    assert "Traceback" not in done.output


def test_a_folder_that_cannot_be_written_is_told(runs, tmp_path):
    (tmp_path / "file").write_text("")
    done = rayeval("report", runs[0], "--to", tmp_path / "file")
    assert done.exit_code == 3
    assert str(tmp_path / "file") in done.output


def test_open_without_a_browser_names_the_page_and_has_done_its_work(runs, monkeypatch, caplog):
    monkeypatch.setattr(webbrowser, "open", lambda _: False)
    assert rayeval("report", runs[0], "--open").exit_code == 0
    assert f"copy {runs[0] / 'report.html'} to a machine with one" in caplog.text


def test_open_shows_the_page_from_disk(runs, monkeypatch):
    shown = []
    monkeypatch.setattr(webbrowser, "open", lambda url: shown.append(url) or True)
    assert rayeval("report", runs[0], "--open").exit_code == 0
    assert shown == [(runs[0] / "report.html").as_uri()]


def test_compare_writes_the_same_page_of_b_against_a(runs, tmp_path):
    page = tmp_path / "out" / "compare.html"
    done = rayeval("compare", *runs, "--html", page)
    assert done.exit_code == 1, done.output
    assert f"page: {page}" in done.output
    html = page.read_text(encoding="utf-8")
    assert "+20.0 %" in html
    assert "pr first" in html
    assert "A first → B second" in html
    assert 'href="../' not in html


def test_compare_as_json_still_writes_the_page(runs, tmp_path):
    done = rayeval("compare", *runs, "--html", tmp_path / "c.html", "--json")
    assert json.loads(done.stdout)["exit_code"] == 1
    assert (tmp_path / "c.html").exists()


def test_compare_shows_the_numbers_of_two_engines_and_judges_none(runs, tmp_path):
    file = runs[0] / "report.json"
    report = json.loads(file.read_text())
    report["scenarios"][0]["fingerprint"]["engine"] = "sglang"
    file.write_text(json.dumps(report))
    done = rayeval("compare", *runs, "--html", tmp_path / "c.html")
    assert done.exit_code == 4, done.output
    assert "+20.0%" in done.output
    assert "engine is 'mock', was 'sglang'" in " ".join(done.output.split())
    html = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "+20.0 %" in html
    assert html.count("not the same service") == 1
    assert "Improvements and notes" not in html


def test_a_daily_run_that_cannot_become_the_baseline_says_why(tmp_path, reports):
    folder = store(tmp_path / "a", reports, "first")
    file = folder / "report.json"
    report = json.loads(file.read_text()) | {"run_type": "daily"}
    report["scenarios"][0]["cases"][0]["outcome"] = "FAIL"
    file.write_text(json.dumps(report))
    told = " ".join(rayeval("gate", folder).output.split())
    assert "this one does not: scenario local_demo has failed functional cases" in told
