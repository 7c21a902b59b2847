"""一次运行最后的话：页面画不成，裁决与东西在哪照样说。"""

import io
import json

import pytest
from rich.console import Console

from rayeval.baselines import Reference
from rayeval.domain.verdict import Verdict
from rayeval.ending import Ending
from rayeval.export import report_json
from rayeval.export.files import Artifacts
from rayeval.judging import Judged
from rayeval.publish import Published


@pytest.fixture
def the_end(tmp_path, reports):
    artifacts = Artifacts(tmp_path, "T1")
    report = reports.run()
    artifacts.write(artifacts.run("report.json"), report_json.encode(report))
    file = artifacts.path(artifacts.run("report.json"))
    judged = Judged(report, Verdict((), 0), Reference(), file)
    console = Console(file=io.StringIO(), width=100)
    return Ending(judged, 3, artifacts, Published(), console, lively=False)


def test_a_page_that_cannot_be_drawn_is_a_warning(the_end, monkeypatch, caplog):
    def fail(_):
        raise ZeroDivisionError("no width")

    monkeypatch.setattr("rayeval.reporting.page_of", fail)
    the_end.tell(as_json=False)
    the_end.draw()
    the_end.tell_where()
    told = the_end.console.file.getvalue()
    assert "(exit code 3)" in told
    assert "runs/T1/report.json" in told
    assert "report.html is not written: no width; `rayeval report" in caplog.text
    assert not the_end.artifacts.path("runs/T1/report.html").exists()


def test_the_page_is_drawn_where_the_report_is(the_end):
    the_end.draw()
    assert the_end.artifacts.path("runs/T1/report.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_json_is_one_object_with_the_code_of_the_command(the_end):
    the_end.tell(as_json=True)
    body = json.loads(the_end.console.file.getvalue())
    assert (body["exit_code"], body["run_id"]) == (3, the_end.judged.report.run_id)
