"""压出来的三项：洪流、守时、两个压测者对一个。"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tests.bench.bench import Bench, Trial, limits
from tests.bench.service import FLOOD, PACED
from tests.bench.table import Column, Table
from tests.bench.truth import Truth, compare

STREAMS, TOKENS, PACED_TOKENS = 64, 128, 64
OURS, PEERS = "rayeval", ("aiohttp", "httpx")
PEER_SHARE = 0.4
PACE_SHARE = 0.3
PACE = {  # 对照只跑到它还跟得上、或不至于拖上几分钟的地方
    1: (OURS,),
    64: (OURS, "httpx"),
    256: (OURS, "aiohttp"),
    1024: (OURS, "aiohttp"),
    2048: (OURS,),
}
QUICK_PACE = {1: (OURS,), 32: (OURS, *PEERS)}
_PILOT, _QUICK_SIZE = 512, 256

_RATE = Column("requests_per_s", "requests/s")
_RATIO = Column("ratio", "rayeval ÷ it", ".2f")
_CPU = Column("cpu_s_per_request", "client CPU a request, µs", ",.0f", 1e6)
_SERVICE = Column("service_share", "service's core", ".0%")
_WRONG = Column("wrong", "failed or short")


def flood(bench: Bench) -> Table:
    """尽快：请求数除以（从开始到含义造好）。"""
    table = Table(
        "flood",
        f"{STREAMS} streams, {TOKENS} chunks, no delays",
        "Requests ÷ (from go until every row has its meaning); one core for the client.",
        ("client",),
        (_RATE, _RATIO, _CPU, _SERVICE, _WRONG),
    )
    clients = (OURS, *PEERS)
    sizes = {name: _size(bench, name) for name in clients}
    trials: dict[str, list[Trial]] = {name: [] for name in clients}
    for _ in bench.rounds("flood"):
        for name in clients:
            trial = bench.measure(name, FLOOD, streams=STREAMS, requests=sizes[name], tokens=TOKENS)
            trials[name].append(trial)
            table.add((name,), **_flooded(trial))
    table.compare("requests_per_s", "ratio", OURS)
    table.remarks += limits(trials)
    return table


def _size(bench: Bench, client: str) -> int:
    """约 `seconds` 秒的请求数，由越来越长的试跑定；对照跑得短些。"""
    if bench.quick:
        return _QUICK_SIZE
    seconds = bench.seconds * (1 if client == OURS else PEER_SHARE)
    count, enough = _PILOT, min(1.0, seconds / 4)
    while True:
        trial = bench.measure(client, FLOOD, streams=STREAMS, requests=count, tokens=TOKENS)
        if trial.measured.made_s >= enough:
            return max(STREAMS, math.ceil(count / trial.measured.made_s * seconds))
        count *= 4


def _flooded(trial: Trial) -> dict[str, float | None]:
    measured = trial.measured
    return {
        "requests_per_s": measured.requests / measured.made_s,
        "cpu_s_per_request": measured.cpu_s / measured.requests,
        "service_share": measured.service_share,
        "wrong": measured.wrong,
    }


def pace(bench: Bench) -> Table:
    """守时的服务：保住多少在途，报的 TTFT 与 ITL 离真值多远。"""
    table = Table(
        "pace",
        f"{PACED.ttft_ms} ms + {PACED_TOKENS - 1} × {PACED.itl_ms} ms, all streams start at once",
        "Ideal is streams ÷ the promised time; kept busy is the share of the streams' time in "
        "which the service had their request, by its own log: a late service lowers the first, "
        "not the second. TTFT is joined with that log request by request: reported less "
        "(t_first − t_req); how long a request waited until the service read it counts against the "
        "client, so with a service as slow to read as the embedded one it is an upper bound.",
        ("streams", "client"),
        (
            Column("ideal_share", "of ideal", ".1%"),
            _RATIO,
            Column("busy_share", "kept busy", ".1%"),
            Column("ttft_error_mean_s", "TTFT − truth: mean, ms", "+,.3f", 1e3),
            Column("ttft_error_p50_s", "P50, ms", "+,.3f", 1e3),
            Column("ttft_error_p99_s", "P99, ms", "+,.3f", 1e3),
            Column("itl_ratio", "ITL mean ÷ truth", ".4f"),
            _SERVICE,
            _WRONG,
        ),
    )
    plan = QUICK_PACE if bench.quick else PACE
    waves = max(2, round(bench.seconds * PACE_SHARE / PACED.seconds(PACED_TOKENS)))
    trials: list[tuple[int, str, Trial]] = []
    for _ in bench.rounds("pace"):
        for streams, clients in plan.items():
            for name in clients:
                size = {"streams": streams, "requests": streams * waves, "tokens": PACED_TOKENS}
                trials.append((streams, name, bench.measure(name, PACED, rows=True, **size)))
    own = all(trial.truth is not None for _, _, trial in trials)
    ids = {row.request_id for _, _, trial in trials for row in trial.measured.rows}
    late: Mapping[str, Truth] = {} if own else bench.await_truth(ids)
    for streams, name, trial in trials:
        table.add((f"{streams:,}", name), **_paced(trial, streams, late))
    table.compare("ideal_share", "ratio", OURS)
    grouped: dict[str, list[Trial]] = {}
    for streams, name, trial in trials:
        grouped.setdefault(f"{name} at {streams:,}", []).append(trial)
    table.remarks += limits(grouped)
    return table


def _paced(trial: Trial, streams: int, late: Mapping[str, Truth]) -> dict[str, float | None]:
    measured = trial.measured
    found: dict[str, float | None] = {
        "ideal_share": measured.requests / measured.wall_s * PACED.seconds(PACED_TOKENS) / streams,
        "service_share": measured.service_share,
        "wrong": measured.wrong,
    }
    honesty = compare(measured.rows, late if trial.truth is None else trial.truth)
    if honesty is not None:
        found |= {
            "busy_share": honesty.busy_s / (streams * measured.wall_s),
            "ttft_error_mean_s": honesty.ttft_mean_s,
            "ttft_error_p50_s": honesty.ttft_p50_s,
            "ttft_error_p99_s": honesty.ttft_p99_s,
            "itl_ratio": honesty.itl_ratio,
        }
    return found


def scaling(bench: Bench) -> Table:
    """两个压测者各占一核，对一个。"""
    table = Table(
        "scaling",
        "flood by one worker and by two, each a process on a core of its own",
        "",
        ("workers",),
        (_RATE, Column("ratio", "÷ one", ".2f"), _CPU, _SERVICE, _WRONG),
    )
    if len(bench.cores) < 2:
        table.remarks.append(
            "Skipped: two workers and the service need a core each, three in all, and this machine "
            "has fewer. Run it where there are three, or put the service elsewhere with --url."
        )
        return table
    one = _size(bench, OURS)
    trials: dict[str, list[Trial]] = {"1": [], "2": []}
    for _ in bench.rounds("scaling"):
        for workers in (1, 2):
            trial = bench.measure(
                OURS,
                FLOOD,
                streams=STREAMS,
                requests=one * workers,
                tokens=TOKENS,
                workers=workers,
            )
            trials[str(workers)].append(trial)
            table.add((str(workers),), **_flooded(trial))
    single = table.rows["1",]["requests_per_s"]
    double = table.rows["2",]["requests_per_s"]
    table.rows["2",]["ratio"] = [two / one for two, one in zip(double, single, strict=True)]
    table.remarks += limits({f"{name} workers": several for name, several in trials.items()})
    return table
