"""report.html：按读者问的顺序说；自成一体；服务的话在哪里都只是话。"""

import base64
import dataclasses
import gzip
import json
import re
from html.parser import HTMLParser

import pytest

from rayeval.domain.functional import CaseResult, Evidence, Outcome
from rayeval.domain.perf import PerfSpec
from rayeval.domain.report import Status
from rayeval.domain.schedule import Constant
from rayeval.domain.verdict import Finding, GateSpec, Level, Verdict
from rayeval.export.page import Log, Material, report_html
from rayeval.export.page.functional import MOST_TROUBLES
from rayeval.export.page.page import MOST_FINDINGS
from rayeval.gate.judge import judge

EVIL = "</script></pre></option><script>alert(1)</script><img src=x onerror=alert(2)>"
EVIL += "{{ 7*7 }}\x1b[31m\x00"
VOID = {"br", "img", "input", "link", "meta", "hr"}
ORDER = ("verdict", "changes", "where", "trust", "service")


class Reader(HTMLParser):
    """读出元素、属性与文字；开了没有关的记下。"""

    def __init__(self, page):
        super().__init__()
        self.tags, self.ids, self.attributes, self.text, self.open = [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            while self.open.pop() != tag:
                pass

    def handle_data(self, data):
        self.text.append(data)


def page(run, verdict=None, material=None):
    return report_html(
        run, verdict or judge(run, None, GateSpec()), material or Material()
    ).decode()


def figures(html):
    packed = re.search(r'id="figures">(.*?)</script>', html, re.DOTALL)[1]
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def finding(level=Level.FAIL, text="slow", **more):
    values = {"scenario": "local_demo", "where": "in1_out1_c1", "kind": "broken"} | more
    return Finding("ttft_p99", level, message=text, **values)


def with_rows(table, **more):
    return Material(now=lambda _: table, **more)


def test_it_answers_in_the_order_in_which_people_ask(reports):
    found = [name for name in Reader(page(reports.run())).ids if name in ORDER]
    assert tuple(found) == ORDER


@pytest.mark.parametrize(
    ("code", "level", "word", "tone"),
    [
        (0, Level.OK, "PASS", "good"),
        (0, Level.WARN, "PASS, with warnings", "good"),
        (1, Level.FAIL, "FAIL", "bad"),
        (3, Level.FAIL, "NOTHING MEASURED", "bad"),
        (4, Level.INCONCLUSIVE, "INCONCLUSIVE", "warn"),
    ],
)
def test_the_head_is_the_verdict(reports, code, level, word, tone):
    html = page(reports.run(), Verdict((finding(level),), code, None))
    assert f'class="card verdict {tone}"' in html
    assert f'<strong><span lang="en">{word}</span>' in html


def test_an_interrupted_run_says_so_first(reports):
    html = page(reports.run(interrupted=True))
    assert '<strong><span lang="en">INTERRUPTED</span>' in html
    assert re.search(r"Exit code</span>.*</span> 130\.", html)


def test_every_sentence_has_both_languages(reports, requests):
    html = page(reports.run(), material=with_rows(requests({})))
    assert html.count('<span lang="en">') == html.count('<span lang="zh">') > 50
    assert not re.search(r'<span lang="(en|zh)"></span>', html)


def test_the_page_asks_the_network_for_nothing(reports, requests):
    html = page(reports.run(), material=with_rows(requests({})))
    reader = Reader(html)
    outside = [
        value
        for name, value in reader.attributes
        if name in {"src", "href", "action", "srcset"}
        and not value.startswith(("#", "../../", "data:"))
    ]
    assert outside == []
    assert "default-src 'none'" in html
    assert "@import" not in html
    assert "url(" not in re.search(r"<style>.*?</style>", html, re.DOTALL)[0]


def test_the_same_input_gives_the_same_bytes(reports, requests):
    material = with_rows(requests({}, {"error_class": "timeout"}))
    assert page(reports.run(), material=material) == page(reports.run(), material=material)


def test_elements_close_and_names_are_unique(reports, requests):
    run = reports.run(reports.scenario(), reports.scenario(scenario="other"))
    reader = Reader(page(run, material=with_rows(requests({}))))
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))


def evil_run(reports):
    case = CaseResult(
        suite=EVIL,
        case_id=EVIL,
        outcome=Outcome.FAIL,
        duration_s=0.1,
        message=EVIL,
        strict_message=EVIL,
        evidence=(Evidence("POST", EVIL, EVIL, 200, EVIL),),
    )
    skip = dataclasses.replace(case, case_id="skipped", outcome=Outcome.SKIP)
    scenario = reports.scenario(
        scenario=EVIL,
        model=EVIL,
        cases=(case, skip),
        cells=(reports.cell(errors={EVIL: 1}, provider=EVIL),),
        accuracy=reports.accuracy(dataset_name=EVIL, prompt=EVIL),
        fingerprint={EVIL: EVIL},
        labels={EVIL: EVIL},
        artifacts=(f"logs/{EVIL}.log",),
    )
    scenario = reports.with_stage(scenario, "perf", Status.ERROR, EVIL)
    stages = tuple(dataclasses.replace(stage, log_tail=EVIL) for stage in scenario.stages)
    return reports.run(dataclasses.replace(scenario, stages=stages), git={"commit": EVIL})


def test_nothing_from_the_service_becomes_an_element_or_an_attribute(reports, requests):
    run = evil_run(reports)
    table = requests({"error_class": EVIL})
    material = with_rows(
        table, logs={EVIL: (Log(EVIL, EVIL, 10),)}, config=EVIL, command=EVIL, baseline=run
    )
    found = finding(text=EVIL, scenario=EVIL, where=EVIL, change=0.2)
    html = page(run, Verdict((found,), 1, EVIL), material)
    calm = page(reports.run(), material=with_rows(requests({})))
    reader = Reader(html)
    assert reader.tags.count("script") == Reader(calm).tags.count("script")
    assert "img" not in reader.tags
    assert not any(name.startswith("on") for name, _ in reader.attributes)
    assert reader.open == []
    assert "{{ 7*7 }}" in html
    assert "\x1b" not in html
    assert "\x00" not in html
    assert "<script>alert" not in json.dumps(figures(html))


def test_figures_hold_aggregates_and_the_baseline_is_dotted(reports, requests):
    table = requests({}, {"ttft_s": 0.2})
    run = reports.run()
    material = Material(now=lambda _: table, base=lambda _: table, baseline=run)
    made = figures(page(run, judge(run, run, GateSpec()), material))
    assert {"s0-cdf", "s0-time", "s0-rate", "s0-latency", "s0-accuracy", "changes"} <= set(made)
    now, then = made["s0-cdf"]["128 → 32|ttft"]["data"]
    assert now["x"] == then["x"] == [100.0, 200.0]
    assert then["line"]["dash"] == "dot"


def test_permits_come_from_the_plan(reports, requests):
    plan = PerfSpec.model_validate({"concurrency": [4], "control_method": "queue"})
    assert plan.schedule(4) == Constant(4)
    html = page(reports.run(), material=with_rows(requests({}), plans={"local_demo": plan}))
    traces = next(iter(figures(html)["s0-time"].values()))["data"]
    (permits,) = [trace for trace in traces if trace["name"] == {"en": "permits", "zh": "许可"}]
    assert permits["y"] == [4, 4]


def test_without_rows_the_tables_are_complete_and_only_curves_are_missing(reports):
    html = page(reports.run())
    assert "Percentiles" in html
    assert "in128_out32_c4" in html
    assert set(figures(html)) == {"s0-rate", "s0-latency", "s0-accuracy"}


def test_a_run_without_a_plot_carries_no_library(reports):
    run = reports.run(reports.scenario(cells=(), accuracy=None))
    assert len(page(run)) < 60_000


def test_a_page_is_a_few_megabytes_at_most(reports, requests):
    assert 1_000_000 < len(page(reports.run(), material=with_rows(requests({})))) < 3_000_000


def test_failures_fold_their_evidence_and_many_stay_few(reports):
    evidence = (Evidence("POST", "/v1/chat/completions", '{"a": 1}', 200, "x" * 100_000),)
    cases = tuple(
        CaseResult("s", f"s/case{i}", Outcome.FAIL, 0.1, "why", evidence=evidence)
        for i in range(2_000)
    )
    html = page(reports.run(reports.scenario(cases=cases, cells=(), accuracy=None)))
    assert html.count("/v1/chat/completions") == MOST_TROUBLES
    assert html.count("s/case1999") == 2
    assert len(html) < 2_000_000


def test_many_findings_are_cut_and_counted(reports):
    found = tuple(finding(text=f"slow by {i} s") for i in range(MOST_FINDINGS + 7))
    html = page(reports.run(), Verdict(found, 1, None))
    assert html.count("slow by") == MOST_FINDINGS
    assert re.search(r"More, in report.json:</span>.*</span> 7</p>", html)


def test_findings_of_one_cause_are_told_once(reports):
    found = tuple(finding(text="no JSON", where=f"guided/case{i}") for i in range(30))
    html = page(reports.run(), Verdict(found, 1, None))
    assert html.count("no JSON") == 1
    assert "guided/case0 and 29 more" in html
    assert "<li>guided/case29</li>" in html


def test_files_are_links_only_beside_the_report(reports):
    run = reports.run(reports.scenario(artifacts=("perf/x y/cells.csv",)))
    assert 'href="../../perf/x%20y/cells.csv"' in page(run)
    moved = page(run, material=Material(linked=False))
    assert 'href="../' not in moved
    assert "perf/x y/cells.csv" in moved


@pytest.mark.parametrize(
    ("changes", "tone"),
    [
        ({"min_score": None}, ""),
        ({"min_score": 0.5}, "good"),
        ({"min_score": 0.9}, "bad"),
        ({"min_score": None, "valid": False}, "bad"),
    ],
)
def test_a_score_has_a_colour_only_where_something_was_asked_of_it(reports, changes, tone):
    html = page(reports.run(reports.scenario(accuracy=reports.accuracy(**changes))))
    assert f'<b class="{tone}">0.800</b>' in html
    assert ('<b class="good">0.800</b>' in html) == (tone == "good")


def test_a_baseline_is_spoken_of_only_where_there_is_one(reports, requests):
    run = reports.run()
    assert "Dotted: the baseline" not in page(run, material=with_rows(requests({})))
    assert "Dotted: the baseline" in page(run, material=with_rows(requests({}), baseline=run))
