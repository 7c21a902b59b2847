"""`scripts/bench gate`：没有变化时门禁多常亮红，真的变慢时多常看得见；两种判法都算。

从存下的原始行里重抽：基线、这次、复测，各是同一个池子里的一次抽样，按块抽，块长是并发数。
同一次测量之内的起伏都在里头；两次测量之间的漂移（换了机器、别人也在用）不在。
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow.parquet as pq

from rayeval.config import ConfigLoader
from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.verdict import GateSpec
from rayeval.gate.compare import beyond
from rayeval.gate.robust import of_samples
from rayeval.gate.rows import COLUMNS, cell_rows

COUNTS = {1: 100, 2: 160, 4: 240, 8: 320, 16: 480}
"""自己测一个池子时，各并发的请求数。"""
SIZES = (32, 64, 128)
RISES = (0.05, 0.10, 0.12, 0.15, 0.20, 0.30, 0.50)
POWER = 0.8


@dataclass(frozen=True)
class Pool:
    """一个并发下的原始行，按发出的先后：TTFT、E2E、占用，秒。"""

    concurrency: int
    rows: np.ndarray

    def draw(self, rng: np.random.Generator, n: int, rise: float = 0.0) -> np.ndarray:
        """抽一次测量；`rise` 是真的变慢了多少，三样一起变。"""
        size, block = len(self.rows), min(self.concurrency, len(self.rows))
        starts = rng.integers(0, size, size=(-(-n // block), 1))
        index = ((starts + np.arange(block)).ravel()[:n]) % size
        return self.rows[index] * (1 + rise)


@dataclass(frozen=True)
class Sides:
    """一个 cell 的一条规则：三次测量的样本与数，与变坏了多少。"""

    rule: str
    concurrency: int
    base: np.ndarray
    now: np.ndarray
    worse: float
    again: float


LIMITS = {
    "ttft_p99": GateSpec().max_ttft_p99_increase,
    "e2e_p99": GateSpec().max_e2e_p99_increase,
    "qps": GateSpec().max_qps_decrease,
}


def sides(pool: Pool, n: int, rng: np.random.Generator, rise: float) -> list[Sides]:
    base, now, again = pool.draw(rng, n), pool.draw(rng, n, rise), pool.draw(rng, n, rise)
    found = []
    for rule, column in (("ttft_p99", 0), ("e2e_p99", 1)):
        old, new, second = (np.quantile(x[:, column], 0.99) for x in (base, now, again))
        found.append(
            Sides(
                rule,
                pool.concurrency,
                base[:, column],
                now[:, column],
                new / old - 1,
                second / old - 1,
            )
        )
    work = [np.column_stack((np.ones(n), x[:, 2])) for x in (base, now)]
    old, new, second = (1 / x[:, 2].mean() for x in (base, now, again))
    found.append(Sides("qps", pool.concurrency, *work, 1 - new / old, 1 - second / old))
    return found


def trial(
    pools: dict[int, Pool], cells: Sequence[tuple[int, int]], rng: np.random.Generator, rise: float
) -> tuple[bool, str]:
    """一次运行：contract 红不红；robust 是 red、inconclusive 还是 green。

    Holm 的第一步就是 Bonferroni：有一个够得上就红，不必算完其余。
    """
    spec, every = GateSpec(mode="robust"), []
    for concurrency, n in cells:
        every += sides(pools[concurrency], n, rng, rise)
    over = [s for s in every if beyond(s.worse, LIMITS[s.rule])]
    if not over:
        return False, "green"
    for side in sorted(over, key=lambda s: -len(s.now)):
        thin = side.rule != "qps" and len(side.now) < spec.min_p99_samples
        if thin or not beyond(side.again, LIMITS[side.rule]):
            continue
        tests = len(cells)
        proof = of_samples(side.rule, side.now, side.base, spec, side.concurrency, tests=tests)
        if proof.p <= (1 - spec.confidence) / 2 / tests and not proof.flaw:
            return True, "red"
    return True, "inconclusive"


@dataclass(frozen=True)
class Shares:
    """若干次运行里各种结局的份额。"""

    contract: float
    red: float
    inconclusive: float


def study(
    pools: dict[int, Pool], cells: Sequence[tuple[int, int]], trials: int, rise: float
) -> Shares:
    rng = np.random.default_rng(7)
    found = [trial(pools, cells, rng, rise) for _ in range(trials)]
    share = 1 / trials
    return Shares(
        sum(contract for contract, _ in found) * share,
        sum(word == "red" for _, word in found) * share,
        sum(word == "inconclusive" for _, word in found) * share,
    )


def smallest(shares: dict[float, Shares], mode: str) -> str:
    """八成以上看得见的最小变化。"""
    seen = [rise for rise, found in shares.items() if getattr(found, mode) >= POWER]
    return f"{min(seen):.0%}" if seen else f"> {max(shares):.0%}"


def sized(spec: PerfSpec, per_stream: int | None) -> list[tuple[int, int]]:
    """档位的各 cell：（并发，样本数）；`per_stream` 换掉每路的请求数。"""

    def count(cell: Cell) -> int:
        number = cell.num_requests if per_stream is None else per_stream * cell.concurrency
        return number * spec.epochs

    return [(cell.concurrency, count(cell)) for cell in spec.cells()]


def measure(folder: Path, concurrency: Sequence[int], jitter: str) -> Path:
    """压内置服务，留下原始行；返回 requests.parquet。"""
    flags = f"--port 0 --ttft-ms 200 --itl-ms 2 --jitter {jitter} --model mock"
    service = subprocess.Popen(
        [sys.executable, "-m", "rayeval.mock", *flags.split()], stdout=subprocess.PIPE
    )
    try:
        assert service.stdout is not None
        url = service.stdout.readline().decode().split()[-1]
        counts = ",".join(str(COUNTS[c]) for c in concurrency)
        load = f"-c {','.join(map(str, concurrency))} -n {counts} -il 32 -ol 8 -w 4 -q"
        words = ["perf", f"{url}/v1", *load.split(), "--artifacts", str(folder)]
        subprocess.run([sys.executable, "-m", "rayeval.cli", *words], check=True, stdout=sys.stderr)
    finally:
        service.terminate()
        service.wait()
        service.stdout.close()
    [file] = folder.glob("perf/*/*/requests.parquet")
    return file


def pools_of(files: Sequence[Path]) -> dict[int, Pool]:
    """各并发一个池子；同一并发的几个 cell 取样本最多的那个。"""
    pools: dict[int, Pool] = {}
    for file in files:
        table = pq.read_table(file, columns=COLUMNS)
        keys = table.select(COLUMNS[:3]).group_by(COLUMNS[:3]).aggregate([]).to_pylist()
        for key in keys:
            rows = cell_rows(table, SimpleNamespace(**key, control_method="queue"))
            if rows is None:
                continue
            kept = rows.success & ~np.isnan(rows.ttft)
            stack = np.column_stack((rows.ttft, rows.e2e, rows.busy))[kept]
            known = pools.get(key["concurrency"])
            if known is None or len(stack) > len(known.rows):
                pools[key["concurrency"]] = Pool(key["concurrency"], stack)
    return pools


def table(
    pools: dict[int, Pool], profiles: dict[str, list[tuple[int, int]]], trials: int
) -> list[str]:
    lines = [
        "| profile | samples a cell | no change: contract red | robust red | robust inconclusive "
        "| +15 %: contract red | robust red | robust inconclusive | smallest change seen: contract "
        "| robust, red |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, cells in profiles.items():
        print(f"bench: gate, {name}", file=sys.stderr, flush=True)
        same = study(pools, cells, trials, 0.0)
        rises = {rise: study(pools, cells, max(20, trials // 4), rise) for rise in RISES}
        slow = rises[0.15]
        counts = sorted({n for _, n in cells})
        words = [name, f"{counts[0]} – {counts[-1]}"]
        words += [f"{x:.1%}" for x in (same.contract, same.red, same.inconclusive)]
        words += [f"{x:.0%}" for x in (slow.contract, slow.red, slow.inconclusive)]
        words += [smallest(rises, "contract"), smallest(rises, "red")]
        lines.append(f"| {' | '.join(words)} |")
    return lines


def parser() -> argparse.ArgumentParser:
    make = argparse.ArgumentParser(
        prog="scripts/bench gate",
        description="How often the gate is red without a change, and how often it sees one.",
    )
    make.add_argument("--config", type=Path, default=Path("configs"))
    make.add_argument(
        "--rows",
        type=Path,
        action="append",
        help="a stored requests.parquet of your service, repeatable; default: measure the "
        "embedded service with jitter",
    )
    make.add_argument("--jitter", default="lognormal:0.15", help="of the embedded service")
    make.add_argument("--trials", type=int, default=400, help="simulated runs without a change")
    make.add_argument("--profiles", default="pr,daily", help="some of %(default)s")
    make.add_argument(
        "--sizes",
        default=",".join(map(str, SIZES)),
        help="other requests_per_stream for pr; may be empty",
    )
    return make


def main(argv: Sequence[str]) -> int:
    args = parser().parse_args(argv)
    tree = ConfigLoader(args.config).load()
    if unknown := [name for name in args.profiles.split(",") if name not in tree.perf]:
        print(f"scripts/bench gate: --profiles: no profile {unknown[0]}", file=sys.stderr)
        return 2
    specs = {name: tree.perf[name].value for name in args.profiles.split(",")}
    profiles = {name: sized(spec, None) for name, spec in specs.items()}
    for size in (int(word) for word in args.sizes.split(",") if word and "pr" in specs):
        profiles[f"pr, requests_per_stream {size}"] = sized(specs["pr"], size)
    wanted = sorted({c for cells in profiles.values() for c, _ in cells})
    with tempfile.TemporaryDirectory() as folder:
        files = args.rows or [measure(Path(folder), wanted, args.jitter)]
        pools = pools_of(files)
    if missing := [c for c in wanted if c not in pools]:
        print(f"scripts/bench gate: --rows: no rows at concurrency {missing}", file=sys.stderr)
        return 2
    source = "given rows" if args.rows else f"embedded service, jitter {args.jitter}"
    spreads = (pool.rows[:, 0].std() / pool.rows[:, 0].mean() for pool in pools.values())
    print(
        f"Rows: {source}; coefficient of variation of TTFT {max(spreads):.0%}; "
        f"{args.trials} runs without a change, {max(20, args.trials // 4)} with each change.\n"
    )
    print("\n".join(table(pools, profiles, args.trials)))
    return 0
