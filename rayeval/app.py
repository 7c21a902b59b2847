"""组合根：RunSpec → 执行者、产物、裁决；唯一导入 rayeval_actors 的地方。"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from rayeval import config
from rayeval.baselines import Reference, find_reference, wanted_by
from rayeval.domain.report import RunReport
from rayeval.domain.run import RunSpec
from rayeval.domain.verdict import Verdict
from rayeval.ending import Ending
from rayeval.errors import CancelledRun, InfrastructureError
from rayeval.export import markdown, report_json
from rayeval.export.files import Artifacts
from rayeval.inputs import provenance_of, write_inputs
from rayeval.judging import Judged
from rayeval.pipeline.executor import Executor
from rayeval.pipeline.inline import InlineExecutor
from rayeval.pipeline.papers import papers
from rayeval.pipeline.run import run
from rayeval.progress import LiveView, choose_view
from rayeval.publish import exit_code as publish_code
from rayeval.publish import publish, require_gateway
from rayeval.resuming import find_interrupted, take_up_answers
from rayeval.service.aftermath import sweep_before
from rayeval.service.owner import this_process
from rayeval.service.sweep import EMBEDDED

if TYPE_CHECKING:
    from rayeval_actors.survey import Survey


@dataclass(frozen=True, slots=True)
class Manner:
    """怎么跑：在哪里跑、产物放哪、怎么说话；`push` 为 None 时推不推照配置。

    `deliver` 最后收到报告、退出码与产物目录：结果另有去处时用它。
    """

    address: str
    artifacts: Path
    ship: str = "installed"
    parallel: int | None = None
    quiet: bool = False
    as_json: bool = False
    plain: bool = False
    push: bool | None = None
    deliver: Callable[[RunReport, int, Artifacts], None] | None = None


@dataclass(frozen=True, slots=True)
class RunOptions:
    """`rayeval run` 的全部开关。"""

    config_dir: Path
    run_type: str
    scenarios: tuple[str, ...]
    stages: tuple[str, ...]
    baseline: Path | None
    manner: Manner
    resume: str | None = None


def main_job(options: RunOptions, console: Console) -> int:
    """跑、写、判；返回退出码。配置的错在启动任何东西之前就抛出。"""
    spec = config.load(
        options.config_dir,
        run_type=options.run_type,
        scenarios=options.scenarios,
        stages=options.stages,
        env=dict(os.environ),
        run_id=options.resume or new_run_id(),
        baseline=str(options.baseline) if options.baseline else None,
    )
    stamp = None
    if options.resume is not None:
        stamp = find_interrupted(options.manner.artifacts, spec)
        spec = take_up_answers(spec, Artifacts(options.manner.artifacts, stamp))
    return carry_out(spec, options.manner, console, seek_baseline=True, resumed=stamp)


def new_run_id() -> str:
    """这次运行的名字：开始的时刻（UTC），加几位免得撞上。"""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"


def carry_out(
    spec: RunSpec,
    manner: Manner,
    console: Console,
    *,
    seek_baseline: bool = False,
    resumed: str | None = None,
) -> int:
    """一次运行从输入到退出码；`seek_baseline`：没点名基线时自己去产物目录里找。

    `resumed` 是接着跑的那一次的时间标签。
    """
    place = Path(spec.baseline) if spec.baseline else manner.artifacts if seek_baseline else None
    wanted = wanted_by(spec.run_id, spec.run_type, (plan.scenario.id for plan in spec.plans))
    named = spec.baseline is not None  # 名字写错要在测量几小时之前说
    reference = find_reference(place, spec.resets, wanted, named=named)
    require_gateway(spec, manner.push)
    exams = papers(spec)
    stamp = resumed or _claim(manner.artifacts, spec.run_id.partition("-")[0])
    artifacts = Artifacts(manner.artifacts, stamp)
    artifacts.prepare()
    provenance = provenance_of(Path(spec.config_dir))
    write_inputs(artifacts, spec, provenance, manner.address)
    sweep_before(plan.scenario for plan in spec.plans)
    voice = {"quiet": manner.quiet, "as_json": manner.as_json, "plain": manner.plain}
    with (
        choose_view(console, spec.plans, **voice) as view,  # 在先：Ray 起来要几秒
        _executor(manner.address, manner.ship) as executor,
    ):
        report = run(
            *(spec, executor, artifacts, provenance, view.watch),
            exams=exams,
            parallel=manner.parallel,
            baseline=reference.report,
            resume=resumed is not None,
        )
    report, verdict = conclude(report, spec, artifacts, reference)
    code = CancelledRun.exit_code if report.interrupted else verdict.exit_code
    published = publish(report, verdict, spec, artifacts, manner.push)
    code = publish_code(code, published, spec.push)
    judged = Judged(report, verdict, reference, artifacts.path(artifacts.run("report.json")))
    ending = Ending(judged, code, artifacts, published, console, isinstance(view, LiveView))
    ending.tell(as_json=manner.as_json)
    if manner.deliver is not None:
        manner.deliver(report, code, artifacts)
    ending.draw()
    if not manner.as_json:
        ending.tell_where()
    return code


@contextmanager
def _executor(address: str, ship: str) -> Iterator[Executor]:
    """inline 不碰 Ray；其余连上 Ray，并在启动任何服务之前核对各节点。"""
    if address == "inline":
        yield InlineExecutor()
        return
    if address == "local":
        os.environ[EMBEDDED] = this_process()
    from rayeval_actors.session import session

    with session(address, ship=ship):  # 会话先设好环境变量；此后才能导入 ray
        from rayeval_actors.executor import RayExecutor
        from rayeval_actors.preflight import check_nodes

        if address != "local":
            check_nodes()
        yield RayExecutor(fixed=address == "local")


def survey_cluster(address: str, limit_s: float) -> Survey:
    """看一眼集群，不连上去；不答抛 ClusterError。"""
    from rayeval_actors.survey import survey

    return survey(address, limit_s)


def conclude(
    report: RunReport, spec: RunSpec, artifacts: Artifacts, reference: Reference
) -> tuple[RunReport, Verdict]:
    """存报告，与基线配对，裁决，写 report.md；返回配过对的报告与裁决。"""
    artifacts.write(artifacts.run("report.json"), report_json.encode(report))
    paired = reference.pair(report, artifacts.root)
    if paired != report:
        report = paired
        artifacts.write(artifacts.run("report.json"), report_json.encode(report))
    verdict = reference.judge(report, spec.gate, artifacts.root)
    artifacts.write(artifacts.run("report.md"), markdown.report_md(report, verdict))
    return report, verdict


def _claim(root: Path, stamp: str) -> str:
    """本次运行的时间标签；在产物目录里独一无二，同一秒里后到的加序号。"""
    candidate, number = stamp, 1
    while True:
        try:
            (root / "runs" / candidate).mkdir(parents=True)
        except FileExistsError:
            number += 1
            candidate = f"{stamp}-{number}"
        except OSError as error:
            message = f"can't write {root}: {error.strerror}; choose another --artifacts directory"
            raise InfrastructureError(message) from error
        else:
            return candidate
