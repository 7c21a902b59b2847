"""存盘的运行的最后几步：再推一次，再写一遍；不测量，也不改报告。"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import yaml
from pydantic import ValidationError
from rich.console import Console

from rayeval import config
from rayeval.domain.moment import unix_time
from rayeval.domain.push import PushSpec
from rayeval.domain.records import of_cell
from rayeval.domain.report import RunReport, ScenarioReport
from rayeval.domain.verdict import Verdict
from rayeval.errors import PushError, UsageError
from rayeval.export import acs_csv, exposition, junit
from rayeval.export.files import Artifacts
from rayeval.export.metrics import samples
from rayeval.export.pushgateway import group_path, opened
from rayeval.judging import judge_again
from rayeval.publish import NO_URL, deliver
from rayeval.stored_place import stored_report


@dataclass(frozen=True, slots=True)
class Target:
    """推到哪、怎么说：配置目录、命令行的地址、只看不推。"""

    config_dir: Path | None
    url: str | None
    dry_run: bool = False
    as_json: bool = False

    def spec(self) -> PushSpec:
        """命令行的地址优先，其次配置，再次环境；没有地址（且真要推）抛 UsageError。"""
        env = dict(os.environ)
        found = (
            config.load_push(self.config_dir, env)
            if self.config_dir
            else config.push_from_environment(PushSpec(), env)
        )
        if self.url is not None:
            env["PROM_PUSHGATEWAY_URL"] = self.url
            found = config.push_from_environment(found.model_copy(update={"url": None}), env)
        if found.url is None and not self.dry_run:
            raise UsageError(NO_URL)
        return found


def push_run(stored: Path, target: Target, console: Console) -> int:
    """把写好的 metrics/{ts}.prom 原样再推一次；推不上返回 3。"""
    file = _metrics_file(stored)
    groups = exposition.groups(_body(file), str(file))
    spec = target.spec()
    if target.dry_run:
        for group in groups:
            console.file.write(f"PUT {spec.url or ''}{group_path(group.key)}\n")
            console.file.write(group.body.decode() + "\n")
        return 0
    done = deliver(groups, spec)
    if target.as_json:
        body = {"url": done.url, "groups": done.groups, "series": done.series}
        console.file.write(json.dumps(body | {"errors": done.errors}) + "\n")
    else:
        for line in done.lines(str(stored)):
            console.print(line, highlight=False, soft_wrap=True, markup=False)
    return PushError.exit_code if done.failed else 0


def retire_scenarios(names: Sequence[str], target: Target, console: Console) -> int:
    """删掉退役场景在网关里的全部组；没有这样的组也算成了，但要说。"""
    spec = target.spec()
    if target.dry_run:
        raise UsageError("--dry-run goes with a stored run, not with --retire")
    with opened(spec) as gateway:
        gone = {name: gateway.retire(name, spec.job) for name in names}
    if target.as_json:
        console.file.write(json.dumps(gone, ensure_ascii=False) + "\n")
        return 0
    for name, keys in gone.items():
        told = f"deleted {len(keys)} group{'' if len(keys) == 1 else 's'}" if keys else "no group"
        console.print(f"{name}: {told} at {spec.url}", highlight=False, markup=False)
    return 0


def export_run(
    stored: Path,
    formats: Sequence[str],
    to: Path | None,
    config_dir: Path | None,
    *,
    bom: bool,
    console: Console,
) -> int:
    """按 `formats` 再写一遍，说出写了什么；`to` 为空写回原处。"""
    again = judge_again(stored, None, config_dir)
    home = _home(stored)
    place = Artifacts(to or home.root, home.run_ts)
    push = config.load_push(config_dir, dict(os.environ)) if config_dir is not None else PushSpec()
    for name, data in _files(again.report, again.verdict, home, push, formats, bom=bom):
        place.write(name, data)
        console.print(str(place.path(name)), highlight=False, soft_wrap=True, markup=False)
    return 0


def _files(
    report: RunReport,
    verdict: Verdict,
    home: Artifacts,
    push: PushSpec,
    formats: Sequence[str],
    *,
    bom: bool,
) -> Iterator[tuple[str, bytes]]:
    """要写的各文件：相对路径与字节。"""
    if "metrics" in formats:
        found = samples(report, verdict, push.job)
        yield home.metrics(), exposition.text(found, push.prefix)
    if "openmetrics" in formats:
        found = samples(report, verdict, push.job)
        body = exposition.openmetrics(found, push.prefix, unix_time(report.finished_at) or 0.0)
        yield home.metrics().removesuffix(".prom") + ".openmetrics", body
    for scenario in report.scenarios:
        if "csv" in formats and scenario.cells:
            yield from _csv(scenario, home, bom=bom)
        if "junit" in formats and scenario.cases:
            name = home.functional(scenario.scenario, "junit.xml")
            yield name, junit.junit_xml(scenario.scenario, scenario.cases)


def _names(home: Artifacts) -> PushSpec:
    """那次运行用的前缀与 job：存盘的配置里有；没有就用缺省的。"""
    file = home.path(home.run("config.resolved.yaml"))
    try:
        stored = yaml.safe_load(file.read_bytes())["push"]
        return PushSpec(job=stored["job"], prefix=stored["prefix"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValidationError):
        return PushSpec()


def _csv(scenario: ScenarioReport, home: Artifacts, *, bom: bool) -> Iterator[tuple[str, bytes]]:
    """汇总，与（有 Parquet 时）每个 cell 的请求。"""
    first = scenario.cells[0].summary
    name = home.perf(scenario.scenario, acs_csv.summary_name(first, home.run_ts))
    yield name, acs_csv.summary_csv(scenario.cells, bom=bom)
    file = home.path(home.perf(scenario.scenario, "requests.parquet"))
    if not file.is_file():
        return
    try:
        table = pq.read_table(file)
    except (OSError, ValueError) as error:  # pyarrow 的错误都归在这两类之下
        message = f"{file}: {error}; leave the CSV out: --format metrics, openmetrics or junit"
        raise UsageError(message) from error
    for cell in scenario.cells:
        name = home.perf(scenario.scenario, acs_csv.requests_name(cell.summary, home.run_ts))
        shape = (
            cell.summary.input_length,
            cell.summary.output_length,
            cell.summary.concurrency,
        )
        rows = of_cell(table, *shape)
        yield name, acs_csv.requests_csv(rows, cell.summary, bom=bom)


def _home(stored: Path) -> Artifacts:
    """存盘的运行所在的产物目录：report.json 在 {root}/runs/{ts}/ 里。"""
    folder = stored_report(stored).resolve().parent
    return Artifacts(folder.parent.parent, folder.name)


def _metrics_file(stored: Path) -> Path:
    """这次运行写好的正文。"""
    home = _home(stored)
    return home.path(home.metrics())


def _body(file: Path) -> bytes:
    """读正文；没有就说怎样写出来。"""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        msg = f"{file}: no such file; write it with `rayeval export RUN --format metrics`"
        raise UsageError(msg) from None
