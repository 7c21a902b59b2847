"""报告的 JSON：原样往返，没有 NaN，读不懂时说得清。"""

import json
import math
from dataclasses import replace

import pytest

from rayeval.domain.functional import CaseResult, Evidence, Outcome
from rayeval.domain.load import Certificate, WorkerHealth
from rayeval.domain.report import CacheVerdict, CellReport, ServerMetrics, Stats, Status
from rayeval.errors import UsageError
from rayeval.export.report_json import decode, encode


def full(reports):
    health = WorkerHealth(0, "n", 1.5, 0.2, 0.001, 0.002, 8.0, 7.9, 4, 32, 0, "read")
    server = ServerMetrics("vllm", "n", {"server_ttft": Stats(3, avg=0.1)}, {"a": "b"}, 3, None, 9)
    cell = reports.cell(
        errors={"timeout": 2},
        top_k=None,
        slo={"ttft": 50.0},
        good_qps=1.5,
        good_ratio=None,
        server=server,
        cache=CacheVerdict.WARM,
    )
    evidence = Evidence("POST", "/chat/completions", '{"你": 1}', None, 'a\u2028b\n"')
    case = CaseResult("guided", "guided/a[中]", Outcome.ERROR, 0.1 + 0.2, "行\n二", (evidence,))
    scenario = reports.scenario(
        cases=(case,),
        cells=(CellReport(cell.summary, Certificate(False, ("lag",), (health,))),),
        accuracy=reports.accuracy(1 / 3, None, errors=(("http_5xx", 2),)),
        artifacts=("a", "b"),
        labels={"k": "v"},
    )
    scenario = reports.with_stage(scenario, "perf", Status.CANCELLED, "Ctrl-C")
    return reports.run(scenario, reports.scenario(scenario="b", accuracy=None), interrupted=True)


def test_a_full_report_comes_back_exactly(reports):
    report = full(reports)
    again = decode(encode(report))
    assert again == report
    assert isinstance(again.scenarios[0].cases[0].outcome, Outcome)
    assert isinstance(again.scenarios[0].stages, tuple)
    assert encode(again) == encode(report)


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf])
def test_no_nan_in_json_and_null_comes_back_as_nan_where_a_number_must_be(reports, odd):
    cell = reports.cell(qps=odd, stats={"ttft": reports.stats(odd)})
    data = encode(reports.run(reports.scenario(cells=(cell,))))

    def refuse(name):
        raise AssertionError(name)

    json.loads(data, parse_constant=refuse)
    summary = decode(data).scenarios[0].cells[0].summary
    assert math.isnan(summary.qps)
    assert summary.stats["ttft"].p99 is None


def test_lone_surrogates_from_the_service_do_not_break_the_report(reports):
    bad = CaseResult("s", "s/c", Outcome.FAIL, 0.1, "half \ud83d emoji")
    data = encode(reports.run(reports.scenario(cases=(bad,), labels={"\udc00": "x"})))
    assert decode(data).scenarios[0].cases[0].message == "half \ufffd emoji"


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a run report"),
        (b"null", "not a run report"),
        (b"{}", "schema_version is None"),
        (b'{"schema_version": 2}', "schema_version is 2, this rayeval reads 1"),
        (b'{"schema_version": 1}', "run_id: Field required"),
    ],
)
def test_what_is_no_report_is_refused_by_name(data, says):
    with pytest.raises(UsageError, match=f"runs/x/report.json: .*{says}".replace(".", r"\.", 1)):
        decode(data, "runs/x/report.json")


def test_a_wrong_field_is_named_with_its_place(reports):
    plain = json.loads(encode(reports.run()))
    plain["scenarios"][0]["stages"][1]["status"] = "GREEN"
    plain["scenarios"][0]["cells"][0]["summary"]["qps"] = None
    with pytest.raises(UsageError, match=r"scenarios\.0\.stages\.1\.status"):
        decode(json.dumps(plain).encode())


def test_the_api_key_has_no_place_in_a_report(reports):
    assert b"api_key" not in encode(full(reports))


def test_a_report_is_utf8_with_chinese_readable(reports):
    data = encode(reports.run(replace(reports.scenario(), labels={"团队": "推理"})))
    assert "推理".encode() in data


def test_a_report_from_before_server_metrics_still_reads(reports):
    plain = json.loads(encode(reports.run()))
    summary = plain["scenarios"][0]["cells"][0]["summary"]
    added = ("slo", "good_qps", "good_ratio", "shed", "tokens_per_event", "server", "cache")
    for name in (*added, "cache_hit_ratio"):
        del summary[name]
    again = decode(json.dumps(plain).encode()).scenarios[0].cells[0].summary
    assert (again.server, again.shed, again.cache) == (None, 0, CacheVerdict.UNKNOWN)
