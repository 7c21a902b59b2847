"""裁决的组合：找基线、重置、原始行、判；`run`、`gate`、`compare` 共用。"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from rich.console import Console

from rayeval import config
from rayeval.baselines import Reference, find_reference, root_of, wanted_by
from rayeval.domain.model import Model
from rayeval.domain.report import RunReport
from rayeval.domain.verdict import BaselineReset, GateSpec, Verdict
from rayeval.errors import UsageError
from rayeval.export import comparison, report_json, terminal
from rayeval.export.markdown import report_md
from rayeval.gate.across import alike, differing, lone, strangers, unjudged
from rayeval.gate.reset import apply_resets
from rayeval.stored_place import stored_report

_log = logging.getLogger(__name__)


class Terms(Model):
    """一次运行按什么判：阈值、重置、点名的基线。"""

    gate: GateSpec = GateSpec()
    resets: tuple[BaselineReset, ...] = ()
    baseline: Path | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """判过的一次存盘的运行：配过对的报告、裁决、与谁比、report.json 在哪。"""

    report: RunReport
    verdict: Verdict
    reference: Reference
    file: Path


def judge_stored(
    stored: Path,
    baseline: Path | None,
    config_dir: Path | None,
    console: Console,
    *,
    as_json: bool,
    markdown: Path | None = None,
) -> int:
    """对存盘的报告再判一次，说出来，返回退出码。

    `markdown` 是要接上 report.md 的文件（流水线的任务摘要）。
    """
    again = judge_again(stored, baseline, config_dir)
    verdict = again.verdict
    if markdown is not None:
        append_to(markdown, report_md(again.report, verdict))
    if as_json:
        print_json(verdict, console)
    else:
        for renderable in terminal.summary(again.report, verdict):
            console.print(renderable, highlight=False)
    return verdict.exit_code


def judge_again(stored: Path, baseline: Path | None, config_dir: Path | None) -> Judged:
    """存盘的报告与对它的裁决。

    阈值、重置与基线没有另外给，就用那次运行自己的（config.resolved.yaml），再没有才用默认。
    """
    report, file = load_stored(stored)
    root = root_of(file)
    own = own_terms(file)
    if config_dir is not None:
        gate, resets = settings(config_dir, report.run_type)
    elif baseline is not None and report.run_type not in config.RUN_TYPES:
        gate, resets = GateSpec(), ()  # 只测一个阶段的，没有基线时不设门禁；现在点了名
    else:
        gate, resets = own.gate, own.resets
    place = baseline or own.baseline
    names = [scenario.scenario for scenario in report.scenarios]
    wanted = wanted_by(report.run_id, report.run_type, names, report.started_at)
    reference = find_reference(place or root, resets, wanted, named=place is not None)
    report = reference.pair(report, root)
    return Judged(report, reference.judge(report, gate, root), reference, file)


def judge_between(before: Path, after: Path, config_dir: Path | None) -> tuple[RunReport, Judged]:
    """两次存盘的运行，后一次比前一次：从严判，不分运行类型，只留比较的发现；前一次的报告也给。

    `before`、`after` 各是 report.json、它的目录、产物目录（取其中最新的一次），或运行的名字。
    是用户点的名，所以身份不同的场景也列数，只是不判。
    """
    base, base_file = load_stored(before)
    now, now_file = load_stored(after)
    gate, resets = settings(config_dir, now.run_type)
    remaining = apply_resets(base, resets)
    known = lone(remaining.baseline, now)
    reference = Reference(known, str(base_file), remaining.findings, sought=True)
    root = root_of(now_file)
    now = reference.pair(now, root)
    strict = dataclasses.replace(now, run_type="compare")
    unlike = differing(now, remaining.baseline)
    borrowed = dataclasses.replace(reference, report=alike(known, now))
    verdict = borrowed.judge(strict, gate, root)
    findings = (*strangers(now, known), *unjudged(verdict.findings, unlike))
    verdict = comparison.comparing(dataclasses.replace(verdict, findings=findings), lone(base, now))
    return base, Judged(now, verdict, reference, now_file)


def load_stored(place: Path) -> tuple[RunReport, Path]:
    """一份存盘的报告与它的文件。"""
    file = stored_report(place)
    return report_json.decode(file.read_bytes(), str(file)), file


def own_terms(file: Path) -> Terms:
    """一次存盘的运行自己的阈值、重置与点名的基线，取自旁边的 config.resolved.yaml。

    没有、读不懂的是默认；点名的基线不在了，说一句，按没有点名算。
    """
    try:
        found = load_yaml(file.with_name("config.resolved.yaml").read_text(encoding="utf-8"))
        terms = Terms.model_validate({k: found[k] for k in Terms.model_fields if k in found})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, ValidationError):
        return Terms()
    if terms.baseline is None or terms.baseline.exists():
        return terms
    _log.warning("%s, the baseline that the run named, is not there", terms.baseline)
    return terms.model_copy(update={"baseline": None})


def load_yaml(text: str) -> Any:
    """我们自己写下的 YAML → 平常的值；有 C 的读法就用它，快十倍。"""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 两种都只造平常的值


def settings(config_dir: Path | None, run_type: str) -> tuple[GateSpec, tuple[BaselineReset, ...]]:
    """阈值与重置；没有配置则是默认与没有。"""
    if config_dir is None:
        return GateSpec(), ()
    env = dict(os.environ)
    return config.load_gate(config_dir, run_type, env), config.load_resets(config_dir, env)


def print_json(verdict: Verdict, console: Console) -> None:
    """裁决写成一个 JSON 对象。"""
    body = {"exit_code": verdict.exit_code, "baseline": verdict.baseline}
    findings = [dataclasses.asdict(finding) for finding in verdict.findings]
    console.file.write(json.dumps(body | {"findings": findings}, default=str) + "\n")


def append_to(path: Path, data: bytes) -> None:
    """写一份用户点名的文件；接在末尾，好直接写进流水线的任务摘要。"""
    try:
        with path.open("ab") as file:
            file.write(data)
    except OSError as error:
        message = f"--markdown {path}: {error.strerror}; name a file that can be written"
        raise UsageError(message) from error
