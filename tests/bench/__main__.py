"""`python -m tests.bench`：读参数、依次测、写 Markdown 表（与 JSON）。"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.bench import Bench
from tests.bench.footprint import memory, startup
from tests.bench.launch import BenchError
from tests.bench.load import flood, pace, scaling
from tests.bench.machine import Quiet, cores, describe
from tests.bench.service import EMBEDDED, Given, Launched
from tests.bench.summary import summary
from tests.bench.table import Table

BENCHES = {
    "flood": flood,
    "pace": pace,
    "startup": startup,
    "memory": memory,
    "scaling": scaling,
    "summary": summary,
}


def parser() -> argparse.ArgumentParser:
    make = argparse.ArgumentParser(
        prog="scripts/bench",
        description="How fast and how honest the load generator is on this machine.",
    )
    flag = make.add_argument
    flag("--repeats", type=int, default=5, help="interleaved rounds; medians are of them")
    flag("--seconds", type=float, default=10.0, help="length of one flood, s; the rest in parts")
    flag("--only", default=",".join(BENCHES), help="some of %(default)s")
    flag("--quick", action="store_true", help="one short round: does it work at all")
    flag(
        "--url",
        help="a service that already runs, URL ending in /v1, instead of the embedded "
        "one; for flood it must not pace, for pace it must promise 50 ms + 63 × 10 ms",
    )
    flag(
        "--truth",
        type=Path,
        metavar="CSV",
        help="with --url: its own log, with the columns of "
        "`rayeval mock --log`; may appear when the service stops, pace comes last and waits",
    )
    flag(
        "--service",
        metavar="COMMAND",
        help="another service to start for each run; {port}, "
        "{ttft_ms}, {itl_ms} and {log} are filled in",
    )
    flag("--model", default="mock", help="model name to ask for")
    flag("--json", type=Path, metavar="FILE", help="write every sample here, too")
    return make


def main(argv: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if argv is None else argv
    if words[:1] == ["gate"]:
        from tests.bench.aa import main as gate

        return gate(words[1:])
    options = parser()
    args = options.parse_args(argv)
    names = args.only.split(",")
    if unknown := [name for name in names if name not in BENCHES]:
        options.error(f"--only {','.join(unknown)}: choose from {', '.join(BENCHES)}")
    if args.repeats < 1 or args.seconds <= 0:
        options.error("--repeats must be at least 1 and --seconds above 0")
    if args.url and args.service:
        options.error("--url and --service exclude each other")
    if args.truth and not args.url:
        options.error("--truth goes with --url; a service that the bench starts is asked itself")
    try:
        return _run(args, names)
    except BenchError as error:
        print(f"scripts/bench: {error}", file=sys.stderr)
        return 3


def _run(args: argparse.Namespace, names: list[str]) -> int:
    bench, remarks = _prepare(args)
    if args.truth and "pace" in names:  # 服务要停下才写真值，之后就没有服务了
        names = [name for name in names if name != "pace"] + ["pace"]
    machine, quiet = describe(), Quiet()
    tables = [BENCHES[name](bench) for name in names]
    noise = quiet.noise()
    if noise and args.url and bench.service.local:
        noise.append("the service at --url is among them")
    if noise:
        remarks.append(f"**The machine was not quiet**: {'; '.join(noise)}.")
    print(_markdown(machine, bench, tables, remarks))
    if args.json:
        found = {
            "machine": machine,
            "service": bench.service.label,
            "remarks": remarks,
            "tables": [table.plain() for table in tables],
        }
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")
    return 0


def _prepare(args: argparse.Namespace) -> tuple[Bench, list[str]]:
    """上下文，与还没测就该说的话。"""
    free, remarks = cores(), []
    if args.url:
        service: Given | Launched = Given(args.url)
    else:
        label = args.service.split()[0].rpartition("/")[2] if args.service else "rayeval mock"
        service = Launched(args.service or EMBEDDED, free[0], label)
    if service.local and len(free) > 1:
        free = free[1:]
    elif service.local:
        remarks.append("**One core only**: service and client share it; compare nothing with this.")
    repeats, seconds = (1, 1.0) if args.quick else (args.repeats, args.seconds)
    bench = Bench(service, args.model, free, repeats, seconds, args.quick, args.truth)
    return bench, remarks


def _markdown(
    machine: dict[str, str], bench: Bench, tables: list[Table], remarks: list[str]
) -> str:
    where = f"{machine['cores']} cores, {machine['cpu']}, {machine['kernel']}"
    lines = [
        f"{machine['date']}; {where}, Python {machine['python']}. Service: {bench.service.label}. "
        f"Median of {bench.repeats} interleaved rounds (lowest – highest).",
        "",
        *[line for remark in remarks for line in (remark, "")],
        *[table.markdown() for table in tables],
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
