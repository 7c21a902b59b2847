"""对着并发的图：服务自述的两个来源都画，没说的不画。"""

from rayeval.domain.report import ServerMetrics
from rayeval.export.page.against import latency_slot, rate_slot, server_slot
from rayeval.export.page.cells import Drawn


def bars(slot, key):
    return {trace["name"]["en"]: trace["y"] for trace in slot.figures[key]["data"]}


def test_a_service_that_says_nothing_has_no_figure(reports):
    assert server_slot("s0", [Drawn(reports.cell())]).figures == {}


def test_replies_and_metrics_stand_beside_the_client(reports):
    stats = {
        "ttft": reports.stats(0.2),
        "e2e": reports.stats(2.0),
        "server_ttft": reports.stats(0.1),
    }
    told = {"server_ttft": reports.stats(0.15), "server_queue": reports.stats(0.05)}
    cell = reports.cell(stats=stats, server=ServerMetrics(source="vllm", stats=told))
    slot = server_slot("s0", [Drawn(cell), Drawn(reports.cell(concurrency=8))])
    assert bars(slot, "128 → 32|ttft") == {
        "client": [200.0, 1000.0],
        "server, in each reply": [100.0, None],
        "server, /metrics": [150.0, None],
    }
    assert bars(slot, "128 → 32|queue") == {"server, /metrics": [50.0, None]}


def test_only_rates_and_families_that_were_measured_can_be_chosen(reports):
    cells = [Drawn(reports.cell())]
    assert set(rate_slot("s0", cells).figures) == {"output", "total", "qps"}
    assert set(latency_slot("s0", cells).figures) == {"128 → 32|ttft", "128 → 32|e2e"}


def test_the_baseline_of_a_throughput_is_dotted_and_gaps_stay_gaps(reports):
    cells = [Drawn(reports.cell(), base=reports.cell(output_throughput=600.0))]
    cells.append(Drawn(reports.cell(concurrency=8)))
    now, base = rate_slot("s0", cells).figures["output"]["data"]
    assert (now["y"], base["y"]) == ([640.0, 640.0], [600.0, None])
    assert base["line"]["dash"] == "dot"
