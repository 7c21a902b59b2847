import csv
import dataclasses
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from rayeval.domain.load import Certificate
from rayeval.domain.records import REQUESTS
from rayeval.domain.report import (
    CacheVerdict,
    CellReport,
    CellSummary,
    ServerMetrics,
    Stats,
)
from rayeval.errors import UsageError
from rayeval.export.acs_csv import requests_csv, requests_name, summary_csv, summary_name
from rayeval.export.acs_read import read_summary
from rayeval.export.parquet import parquet

REQUESTS_HEADER = (
    "Start_Time,End_Time,Prompt_Tokens,Reasoning_Tokens,Content_Tokens,Completion_Tokens,"
    "Total_Tokens,TTFT,TPOT,TPOT_From_Second_Decode_Token,TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s),"
    "Reasoning_Time,Content_Time,Total_Time(s),Total_Decode_Time(s),Backend,Temperature,Top_K,Top_P,"
    "Control_Method,Growth_Rate,Rounds,Num_Prompts,x_span_id,trace_id,SERVER_TTFT(s),SERVER_TPOT(s),"
    "Output_Steps,Request_Id,Epoch,Phase,Worker,Scheduled_Time,Client_Queue(s),TTFB(s),TTFA(s),"
    "Cached_Prompt_Tokens,HTTP_Status,Error_Class,Finish_Reason"
)
SUMMARY_HEADER = (
    "Execution_Time,Input_Length,Output_Length,Concurrency,Total_Token_Throughput(tokens/s),"
    "Output_Token_Throughput(tokens/s),"
    "TP75_TTFT(s),TP90_TTFT(s),TP95_TTFT(s),TP99_TTFT(s),MAX_TTFT(s),AVG_TTFT(s),"
    "TP75_TPOT(s),TP90_TPOT(s),TP95_TPOT(s),TP99_TPOT(s),MAX_TPOT(s),AVG_TPOT(s),"
    "TP90_TPOT_SEC(s),TP95_TPOT_SEC(s),TP99_TPOT_SEC(s),MAX_TPOT_SEC(s),AVG_TPOT_SEC(s),"
    "TP90_TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s),TP95_TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s),"
    "TP99_TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s),MIN_TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s),"
    "MAX_TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s),AVG_TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s),"
    "TP75_E2E(s),TP90_E2E(s),TP95_E2E(s),TP99_E2E(s),MAX_E2E(s),AVG_E2E(s),"
    "Total_Time(s),QPS,Fail_Rate,Backend,Temperature,Top_K,Top_P,Control_Method,Growth_Rate,Rounds,"
    "Num_Prompts,Provider,"
    "TP90_COMPLETION_TOKENS,TP95_COMPLETION_TOKENS,TP99_COMPLETION_TOKENS,MIN_COMPLETION_TOKENS,"
    "AVG_COMPLETION_TOKENS,AVG_REASONING_TOKENS,AVG_CONTENT_TOKENS,AVG_PROMPT_TOKENS,"
    "TP75_SERVER_TTFT(s),TP90_SERVER_TTFT(s),TP95_SERVER_TTFT(s),TP99_SERVER_TTFT(s),"
    "MAX_SERVER_TTFT(s),AVG_SERVER_TTFT(s),"
    "TP75_SERVER_TPOT(s),TP90_SERVER_TPOT(s),TP95_SERVER_TPOT(s),TP99_SERVER_TPOT(s),"
    "MAX_SERVER_TPOT(s),AVG_SERVER_TPOT(s),"
    "TP75_SERVER_E2E(s),TP90_SERVER_E2E(s),TP95_SERVER_E2E(s),TP99_SERVER_E2E(s),"
    "MAX_SERVER_E2E(s),AVG_SERVER_E2E(s),"
    "TP90_SPEC_ACCEPT_RATE,TP95_SPEC_ACCEPT_RATE,TP99_SPEC_ACCEPT_RATE,MIN_SPEC_ACCEPT_RATE,"
    "MAX_SPEC_ACCEPT_RATE,AVG_SPEC_ACCEPT_RATE"
)


def stats(low):
    return Stats(4, low, low + 1, low + 9, low + 2, low + 3, low + 4, low + 5, low + 6)


@pytest.fixture
def report():
    summary = CellSummary(
        input_length=128,
        output_length=32,
        concurrency=4,
        num_requests=64,
        execution_time="2026-01-02T03:04:05+00:00",
        wall_s=10.0,
        issued=64,
        succeeded=63,
        failed=1,
        timed_out=1,
        qps=6.3,
        output_throughput=200.0,
        total_throughput=1000.0,
        fail_ratio=1 / 64,
        timeout_ratio=1 / 64,
        stats={"ttft": stats(0.1), "first_gap": stats(0.2), "completion_tokens": stats(30)},
        plateau={},
        avg_prompt_tokens=128.5,
        avg_reasoning_tokens=None,
        avg_content_tokens=32.0,
        tokens_source="usage",
        errors={"timeout": 1},
        backend="openai-chat",
        temperature=0.6,
        top_k=None,
        top_p=1.0,
        control_method="climb",
        growth_rate=2,
        epochs=3,
        provider="org/my model",
        dataset_type="random",
    )
    return CellReport(summary, Certificate(False, ("worker 0 stalled, badly", "again"), ()))


@pytest.fixture
def table():
    base = {
        "phase": "plateau",
        "epoch": 0,
        "worker": 0,
        "start_time": 1e9 + 0.25,
        "end_time": 1e9 + 1,
    }
    good = base | {
        "request_id": "a,b",
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "reasoning_tokens": 2,
        "content_tokens": 3,
        "ttft_s": 0.25,
        "ttfa_s": 0.5,
        "second_token_s": 0.375,
        "last_reasoning_s": 0.375,
        "last_token_s": 0.75,
        "e2e_s": 1.0,
        "token_events": 5,
        "itl_s": [0.125] * 4,
        "http_status": 200,
        "finish_reason": "stop",
    }
    bad = base | {"request_id": "c", "token_events": 0, "error_class": "timeout"}
    warm = good | {"phase": "warmup", "request_id": "w"}
    return pa.Table.from_pylist([warm, good, bad], schema=REQUESTS)


def read(data):
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"))))


def test_the_requests_header_is_the_contract_then_ours(table, report):
    assert requests_csv(table, report.summary).decode().splitlines()[0] == REQUESTS_HEADER


def test_a_request_row_by_name(table, report):
    good, bad = read(requests_csv(table, report.summary))
    wanted = {
        "Start_Time": 1e9 + 0.25,
        "Prompt_Tokens": 10,
        "Reasoning_Tokens": 2,
        "Content_Tokens": 3,
        "Total_Tokens": 15,
        "TTFT": 0.25,
        "TPOT": 0.125,
        "TPOT_From_Second_Decode_Token": 0.125,
        "TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s)": 0.125,
        "Reasoning_Time": 0.125,
        "Content_Time": 0.25,
        "Total_Time(s)": 1.0,
        "Total_Decode_Time(s)": 0.5,
        "Top_K": -1,
        "SERVER_TTFT(s)": -1,
        "Output_Steps": 5,
        "Scheduled_Time": -1,
    }
    assert {name: float(good[name]) for name in wanted} == wanted
    assert (good["Request_Id"], good["Error_Class"], good["Finish_Reason"]) == ("a,b", "", "stop")
    assert (good["Control_Method"], good["x_span_id"]) == ("climb", "-1")
    undefined = ("TTFT", "TPOT", "Total_Time(s)", "Total_Tokens", "HTTP_Status", "TTFB(s)")
    assert {bad[name] for name in undefined} == {"-1"}
    assert (bad["Error_Class"], bad["Finish_Reason"]) == ("timeout", "")


def test_warmup_rows_are_only_in_the_parquet(table, report):
    assert [row["Request_Id"] for row in read(requests_csv(table, report.summary))] == ["a,b", "c"]
    kept = pq.read_table(pa.BufferReader(parquet(table)))
    assert kept.num_rows == 3
    assert kept["itl_s"][1].as_py() == [0.125] * 4
    assert kept.schema.equals(REQUESTS)


def test_one_token_rows_have_no_tpot(table, report):
    row = table.to_pylist()[1] | {"completion_tokens": 1, "token_events": 1, "second_token_s": None}
    found = read(requests_csv(pa.Table.from_pylist([row], schema=REQUESTS), report.summary))[0]
    assert (found["TPOT"], found["TPOT_From_Second_Decode_Token"]) == ("-1", "-1")


def test_an_empty_cell_still_has_its_header(report):
    data = requests_csv(REQUESTS.empty_table(), report.summary).decode()
    assert data.splitlines() == [REQUESTS_HEADER]


def test_the_summary_begins_with_the_79_contract_columns_in_order(report):
    header = summary_csv([report]).decode().splitlines()[0].split(",")
    assert len(SUMMARY_HEADER.split(",")) == 79
    assert ",".join(header[:79]) == SUMMARY_HEADER
    assert header[79] == "Timeout_Fail_Rate"
    assert len(set(header)) == len(header)


def test_summary_values_stand_under_their_names(report):
    row = read(summary_csv([report]))[0]
    gap = "TIME_BETWEEN_FIRST_AND_SECOND_TOKEN(s)"
    assert float(row[f"MIN_{gap}"]) <= float(row[f"AVG_{gap}"]) <= float(row[f"MAX_{gap}"])
    assert [float(row[f"{p}_TTFT(s)"]) for p in ("TP75", "TP99", "MAX", "AVG")] == [
        3.1,
        6.1,
        9.1,
        1.1,
    ]
    assert float(row["MIN_COMPLETION_TOKENS"]) == 30
    assert (row["AVG_TPOT(s)"], row["AVG_REASONING_TOKENS"], row["Top_K"]) == ("-1", "-1", "-1")
    assert (row["QPS"], row["Provider"], row["Rounds"]) == ("6.3", "org/my model", "3")
    assert (row["Certificate"], row["Plateau_N"]) == ("failed", "0")
    assert row["Certificate_Reasons"] == "worker 0 stalled, badly; again"


def test_our_columns_after_the_79th_say_goodput_server_and_cache(report):
    server = ServerMetrics(
        "vllm",
        stats={"server_queue": stats(0.5)},
        requests=60,
        agrees={"requests": 60 / 63},
    )
    found = dataclasses.replace(
        report.summary,
        slo={"ttft": 500.0, "tpot": 50.0},
        good_qps=3.15,
        good_ratio=0.5,
        shed=2,
        stats={"client_queue": stats(0.25), "server_ttft": stats(0.75)},
        server=server,
        cache=CacheVerdict.WARM,
        cache_hit_ratio=0.25,
    )
    row = read(summary_csv([CellReport(found, report.certificate)]))[0]
    wanted = {
        "Goodput_SLO": "ttft:500;tpot:50",
        "Good_QPS": "3.15",
        "Good_Ratio": "0.5",
        "Shed": "2",
        "AVG_CLIENT_QUEUE(s)": "1.25",
        "TP99_SERVER_TTFT(s)": "6.75",
        "Server_Source": "vllm",
        "TP99_SERVER_QUEUE(s)": "6.5",
        "Server_Requests": "60",
        "Server_Prompt_Tokens": "-1",
        "Cache_Verdict": "warm",
        "Cache_Hit_Ratio": "0.25",
    }
    assert {name: row[name] for name in wanted} == wanted


def test_a_server_with_averages_only_has_no_quantiles(report):
    found = dataclasses.replace(report.summary, stats={"server_tpot": Stats(80, avg=0.025)})
    row = read(summary_csv([CellReport(found, report.certificate)]))[0]
    assert [row[f"{p}_SERVER_TPOT(s)"] for p in ("AVG", "TP99", "MAX")] == ["0.025", "-1", "-1"]


def test_a_summary_without_goodput_or_server_is_undefined_there(report):
    row = read(summary_csv([report]))[0]
    names = ("Good_QPS", "Good_Ratio", "Server_Requests", "Cache_Hit_Ratio", "AVG_RESPONSE(s)")
    assert {row[name] for name in names} == {"-1"}
    assert (row["Goodput_SLO"], row["Server_Source"], row["Cache_Verdict"]) == ("", "", "unknown")


def test_several_cells_are_several_rows_even_where_one_is_undefined(report):
    empty = dataclasses.replace(report.summary, stats={}, top_k=8, avg_prompt_tokens=None)
    rows = read(summary_csv([report, CellReport(empty, report.certificate)]))
    assert [row["TP99_TTFT(s)"] for row in rows] == ["6.1", "-1"]
    assert [row["Top_K"] for row in rows] == ["-1", "8"]


def test_file_names_carry_the_cell_and_no_slash(report):
    assert requests_name(report.summary, "20260102T030405") == (
        "requests_org_my_model_random_climb_concurrency4_threading-pool_input128_output32"
        "_20260102T030405.csv"
    )
    assert summary_name(report.summary, "20260102T030405") == (
        "summary_org_my_model_climb_threading-pool_20260102T030405.csv"
    )


def test_a_byte_order_mark_on_request(table, report):
    for data in (summary_csv([report], bom=True), requests_csv(table, report.summary, bom=True)):
        assert data.startswith(b"\xef\xbb\xbf")
    assert read_summary(summary_csv([report], bom=True))[0]["QPS"] == 6.3


def test_our_own_summary_reads_back(report, tmp_path):
    path = tmp_path / "summary.csv"
    path.write_bytes(summary_csv([report]))
    [row] = read_summary(path)
    assert row["TP99_TTFT(s)"] == 6.1
    assert row["AVG_TPOT(s)"] is None
    assert row["Provider"] == "org/my model"


TPOT_SEC = [name for name in SUMMARY_HEADER.split(",") if "TPOT_SEC" in name]


@pytest.mark.parametrize("unit", ["(s)", "(ms)"])
@pytest.mark.parametrize("missing", [[], TPOT_SEC])
@pytest.mark.parametrize("backwards", [False, True])
def test_acs_bench_files_read_by_name_in_either_unit_and_width(unit, missing, backwards):
    names = [name for name in SUMMARY_HEADER.split(",") if name not in missing]
    assert len(names) == (74 if missing else 79)
    names = names[::-1] if backwards else names
    scale = 1000 if unit == "(ms)" else 1
    cells = []
    for name in names:
        value = SUMMARY_HEADER.split(",").index(name)
        cells.append(str(value * scale if name.endswith("(s)") else value))
    header = ",".join(name.replace("(s)", unit) for name in names)
    [row] = read_summary(f"{header}\r\n{','.join(cells)}\r\n".encode("utf-8-sig"))
    assert row == {name: float(SUMMARY_HEADER.split(",").index(name)) for name in names}


def test_undefined_cells_read_as_none():
    text = "Input_Length,Output_Length,Concurrency,AVG_TTFT(ms),QPS,Provider\n1,2,3,-1,nan,\n"
    assert list(read_summary(text.encode())[0].values())[3:] == [None, None, None]


@pytest.mark.parametrize("data", [b"", b"a,b\n1,2\n", b"\xff\xfe\x00"])
def test_what_is_no_summary_is_a_usage_error_with_the_mend(data):
    with pytest.raises(UsageError):
        read_summary(data)
