"""整个性能阶段对着内置服务：长度、数目、进度、死去的服务与失联的压测者。"""

from __future__ import annotations

import dataclasses
import threading

import pytest

from rayeval.domain.events import CellFinished, Progress
from rayeval.domain.perf import PerfSpec
from rayeval.domain.scenario import Provider
from rayeval.domain.service import Endpoint
from rayeval.errors import ServiceLostError
from rayeval.perf.drive import drive
from rayeval.perf.inline_crew import inline_crew

pytestmark = pytest.mark.solo

PROVIDER = Provider(id="here")


def spec(**changes) -> PerfSpec:
    return PerfSpec(
        **{
            "concurrency": (4,),
            "input_length": (128,),
            "output_length": (8,),
            "requests_per_stream": 4,
            "control_method": "queue",
            "timeout_s": 30,
            **changes,
        }
    )


def run(spec, endpoint, crew, **more):
    events = list(drive(spec, endpoint, crew, provider=PROVIDER, run_id="r1", **more))
    return events, [event for event in events if isinstance(event, CellFinished)]


def test_a_profile_is_measured_cell_by_cell(start_mock):
    mock = start_mock("--ttft-ms", "10", "--itl-ms", "2")
    profile = spec(concurrency=(1, 4), warmup=1, epochs=2, workers=2)
    with inline_crew(2) as crew:
        events, cells = run(profile, mock.endpoint, crew)
    assert [cell.report.summary.id for cell in cells] == ["in128_out8_c1", "in128_out8_c4"]
    for cell in cells:
        summary, rows = cell.report.summary, cell.requests.to_pylist()
        number = summary.num_requests
        assert (summary.issued, summary.succeeded, summary.failed) == (number * 2, number * 2, 0)
        assert len([row for row in rows if row["phase"] == "warmup"]) == 2
        for epoch in (0, 1):
            found = [r["index"] for r in rows if r["epoch"] == epoch and r["phase"] != "warmup"]
            assert sorted(found) == list(range(number))
        assert abs(summary.avg_prompt_tokens - 128) <= 0.02 * 128
        assert summary.stats["completion_tokens"].min == 8
        assert summary.stats["ttft"].min >= 0.009
        assert (summary.tokens_source, summary.provider) == ("usage", "here")
    assert {row["worker"] for row in cells[1].requests.to_pylist()} == {0, 1}
    assert len({r["request_id"] for c in cells for r in c.requests.to_pylist()}) == 44
    last = [event for event in events if isinstance(event, Progress)][-1]
    assert (last.done, last.total, last.counters.failed) == (44, 44, 0)


@pytest.mark.parametrize("length", [64, 700])
def test_plain_completions_reach_their_length_too(start_mock, length):
    mock = start_mock("--ttft-ms", "1", "--itl-ms", "0")
    profile = spec(concurrency=(2,), input_length=(length,), backend="openai")
    with inline_crew(1) as crew:
        [cell] = run(profile, mock.endpoint, crew)[1]
    assert cell.report.summary.errors == {}
    assert abs(cell.report.summary.avg_prompt_tokens - length) <= 0.02 * length


def test_whole_answers_have_no_ttft(start_mock):
    mock = start_mock("--ttft-ms", "1", "--itl-ms", "0")
    with inline_crew(1) as crew:
        [cell] = run(spec(stream=False), mock.endpoint, crew)[1]
    summary = cell.report.summary
    assert (summary.succeeded, summary.stats["ttft"].n, summary.stats["e2e"].n) == (16, 0, 16)


def test_a_key_is_sent_and_a_wrong_one_is_a_4xx(start_mock):
    mock = start_mock("--api-key", "sk-test-key", "--ttft-ms", "1", "--itl-ms", "0")
    with inline_crew(1) as crew:
        [cell] = run(spec(), mock.endpoint, crew)[1]
        assert cell.report.summary.errors == {}
        [cell] = run(spec(), dataclasses.replace(mock.endpoint, api_key=None), crew)[1]
    assert cell.report.summary.errors == {"http_4xx": 16}
    assert cell.report.summary.qps == 0


def test_output_length_one_works(start_mock):
    mock = start_mock("--ttft-ms", "1", "--itl-ms", "0")
    with inline_crew(1) as crew:
        [cell] = run(spec(output_length=(1,)), mock.endpoint, crew)[1]
    summary = cell.report.summary
    assert (summary.succeeded, summary.stats["ttft"].n) == (16, 16)
    assert [summary.stats[key].n for key in ("tpot", "tpot_sec", "itl", "first_gap")] == [0] * 4


def test_the_service_counts_as_many_requests_and_never_more_in_flight(start_mock):
    mock = start_mock("--ttft-ms", "5", "--itl-ms", "1")
    profile = spec(concurrency=(8,), control_method="climb", climb={"growth_interval": 100})
    with inline_crew(1) as crew:
        [cell] = run(profile, mock.endpoint, crew)[1]
    assert cell.report.summary.succeeded == 32
    assert max_in_flight(mock.stats()) <= 8


def max_in_flight(stats: dict) -> int:
    """统计里在途的最高值，不论它叫什么名字。"""
    peaks = [v for k, v in stats.items() if "in_flight" in k and isinstance(v, int)]
    assert peaks, f"no in-flight count in {sorted(stats)}"
    return max(peaks)


def test_a_service_that_dies_gives_the_partial_cell_and_then_the_reason(start_mock):
    mock = start_mock("--ttft-ms", "20", "--itl-ms", "5")
    profile = spec(concurrency=(4,), num_requests=(4000,), input_length=(32,))
    stop = threading.Event()

    def alive() -> str | None:
        return "exit status 137" if stop.is_set() else None

    found = []

    def follow() -> None:
        for event in drive(
            profile, mock.endpoint, crew, provider=PROVIDER, run_id="r", alive=alive
        ):
            if isinstance(event, CellFinished):
                found.append(event)
            elif event.done > 8 and not stop.is_set():
                mock.stop()
                stop.set()

    with inline_crew(1) as crew, pytest.raises(ServiceLostError, match="137"):
        follow()
    [cell] = found
    assert cell.report.summary.succeeded >= 8
    assert not cell.report.certificate.ok
    assert "the service was lost: exit status 137" in cell.report.certificate.reasons
    assert set(cell.report.summary.errors) <= {"connect", "reset", "incomplete", "cancelled"}


def test_leaving_early_stops_the_crew(start_mock):
    mock = start_mock("--ttft-ms", "20", "--itl-ms", "5")
    profile = spec(num_requests=(4000,), input_length=(32,))
    with inline_crew(1) as crew:
        events = drive(profile, mock.endpoint, crew, provider=PROVIDER, run_id="r")
        next(event for event in events if event.done > 0)
        events.close()
        assert crew.wait(10)
        assert crew.counters().done < 4000


def test_a_lost_worker_is_said_and_the_others_do_what_it_had_not_taken(start_mock):
    mock = start_mock("--ttft-ms", "5", "--itl-ms", "1")
    with inline_crew(2) as crew:
        events = drive(
            spec(workers=2, num_requests=(400,)), mock.endpoint, crew, provider=PROVIDER, run_id="r"
        )
        for event in events:
            if isinstance(event, Progress) and event.done > 20:
                crew._hands[1]._process.kill()
                break
        [cell] = [event for event in events if isinstance(event, CellFinished)]
        assert crew.size == 1
    assert 300 < cell.report.summary.succeeded < 400
    assert {row["worker"] for row in cell.requests.to_pylist()} == {0}
    [reason] = [r for r in cell.report.certificate.reasons if "worker 1" in r]
    assert reason == "worker 1 was lost and its rows with it: its process was killed by SIGKILL"


def test_nobody_home_is_measured_as_such():
    with inline_crew(1) as crew:
        events, [cell] = run(spec(), Endpoint("http://127.0.0.1:1/v1", "m"), crew)
    assert cell.report.summary.errors == {"connect": 16}
    assert (cell.report.summary.qps, cell.report.summary.fail_ratio) == (0.0, 1.0)
    assert any("word count" in event.note for event in events if isinstance(event, Progress))


def test_progress_carries_the_permits_of_the_climb_and_the_epoch(start_mock):
    mock = start_mock("--itl-ms", "20")
    climb = {"growth_rate": 1, "growth_interval": 400, "init_concurrency": 1}
    profile = spec(
        control_method="climb", climb=climb, epochs=2, requests_per_stream=10, output_length=(16,)
    )
    with inline_crew(2) as crew:
        events, _ = run(profile, mock.endpoint, crew)
    told = [event for event in events if isinstance(event, Progress) and event.cell is not None]
    permits = [event.counters.permits for event in told]
    assert max(permits) == 4
    assert set(permits) & {1, 2, 3}, "the climb is seen on its way"
    assert {event.epoch for event in told} == {1, 2}
    assert (told[-1].counters.permits, told[-1].counters.in_flight) == (0, 0)
