"""JUnit XML 与功能结果的 JSON。"""

import json
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from rayeval.domain.functional import CaseResult, Evidence, Outcome
from rayeval.export.functional_json import evidence_jsonl, results_json
from rayeval.export.junit import junit_xml

CASES = (
    CaseResult("chat_core", "chat_core/a", Outcome.PASS, 0.5),
    CaseResult("guided", "guided/b", Outcome.FAIL, 0.25, "expected <4xx> & got\n\x00\x1b[31m200"),
    CaseResult("chat_core", "chat_core/c", Outcome.SKIP, 0.0, "no n > 1"),
    CaseResult("guided", "guided/d", Outcome.ERROR, float("nan"), ""),
)


def test_one_testsuite_per_suite_with_its_counts():
    root = ET.fromstring(junit_xml("demo", CASES))
    assert {k: root.get(k) for k in ("tests", "failures", "errors", "skipped", "time")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "0.750",
    }
    assert [(s.get("name"), s.get("tests")) for s in root] == [("chat_core", "2"), ("guided", "2")]


def test_outcomes_map_to_their_tags_and_first_lines():
    cases = {c.get("name"): c for c in ET.fromstring(junit_xml("demo", CASES)).iter("testcase")}
    assert list(cases["chat_core/a"]) == []
    assert cases["guided/b"][0].tag == "failure"
    assert cases["guided/b"][0].get("message") == "expected <4xx> & got"
    assert cases["guided/b"][0].text == "expected <4xx> & got\n[31m200"
    assert cases["chat_core/c"][0].tag == "skipped"
    assert cases["guided/d"][0].tag == "error"
    assert cases["guided/d"][0].get("message") == "ERROR"


def test_no_cases_is_a_valid_empty_report():
    assert ET.fromstring(junit_xml("demo", [])).get("tests") == "0"


@given(st.text(st.characters(), max_size=80))
def test_any_text_gives_well_formed_xml(text):
    case = CaseResult(text, text, Outcome.FAIL, 0.1, text)
    ET.fromstring(junit_xml(text, [case]))


def test_results_hold_outcomes_and_counts_without_evidence():
    body = json.loads(results_json("demo", CASES))
    assert body["counts"] == {"PASS": 1, "FAIL": 1, "SKIP": 1, "ERROR": 1}
    assert body["cases"][3]["duration_s"] is None
    assert "evidence" not in body["cases"][0]


def test_evidence_is_one_line_an_exchange_whatever_the_service_said():
    said = 'two\nlines\u2028\u0085 "quoted" \ud800 中'
    exchange = Evidence("POST", "/chat/completions", "{}", 200, said)
    case = CaseResult("s", "s/c", Outcome.FAIL, 0.1, "m", (exchange, exchange))
    text = evidence_jsonl([case, *CASES]).decode()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [line["exchange"] for line in lines] == [1, 2]
    assert lines[0]["reply"] == said.replace("\ud800", "?")
    assert evidence_jsonl(CASES) == b""
