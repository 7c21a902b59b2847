"""东西在哪：只说有的，要紧的在前，一长串折成一行。"""

from dataclasses import replace

import pytest

from rayeval.export.files import Artifacts
from rayeval.export.whereabouts import folded, whereabouts


def test_existing_files_are_told_relative_to_the_root_with_the_page_first(tmp_path, reports):
    artifacts = Artifacts(tmp_path, "T1")
    names = [
        artifacts.run("report.html"),
        artifacts.metrics(),
        *(artifacts.perf("one", f"requests_{n}.csv") for n in range(12)),
        artifacts.functional("one", "junit.xml"),
        artifacts.service_log("one"),
    ]
    for name in names:
        artifacts.write(name, b"x")
    scenario = replace(reports.scenario(), artifacts=(*names, "perf/one/T1/gone.csv"))
    told = [line.plain.rstrip() for line in whereabouts(reports.run(scenario), artifacts)]
    assert told == [
        f"files in {tmp_path}:",
        "  report   runs/T1/report.html",
        "  CSV      perf/one/T1/ (12 files)",
        "  JUnit    functional/one/T1/junit.xml",
        "  logs     logs/service_one_T1.log",
        "  metrics  metrics/T1.prom",
    ]


@pytest.mark.parametrize(
    ("names", "lines"),
    [
        (["logs/a.log"], ["logs/a.log"]),
        ([f"logs/{n}.log" for n in range(12)], ["logs/ (12 files)"]),
        (["p/a/1.csv", "p/a/2.csv", "p/b/3.csv"], ["p/a/ (2 files)", "p/b/3.csv"]),
        ([f"p/{n}/{m}.csv" for n in range(9) for m in "ab"], ["p/ (18 files)"]),
    ],
)
def test_a_long_list_is_counted_by_folder(names, lines):
    assert folded(names) == lines
