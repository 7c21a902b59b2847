"""把一个档位跑完：校准，然后逐个 cell、逐个 epoch 地分份额、开跑、收获、出证书与汇总。"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import pyarrow as pa

from rayeval.client.openai import OpenAIClient
from rayeval.domain.events import CellFinished, Progress
from rayeval.domain.load import Counters, PromptPlan, Share
from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.records import REQUESTS
from rayeval.domain.report import CellReport
from rayeval.domain.scenario import Provider
from rayeval.domain.schedule import Slice
from rayeval.domain.service import Endpoint
from rayeval.errors import ServiceLostError
from rayeval.perf.calibration import plan_prompts, settle
from rayeval.perf.certificate import certify
from rayeval.perf.crew import Haul, LoadCrew
from rayeval.perf.server_metrics import ServerWatch
from rayeval.perf.sizing import needed_workers
from rayeval.perf.summary import summarise

POLL_S = 0.25
"""多久看一眼进度与服务的死活，秒。"""
_PROBE_S = 120.0
"""校准请求的时限，秒。"""
_STOP_S = 15.0
"""叫停之后等压测者多久，秒。"""

INTERRUPTED = "the cell was interrupted"
LOST = "the service was lost"

Alive = Callable[[], str | None]
"""服务死了就说出死因，活着为 None。"""


def drive(
    spec: PerfSpec,
    endpoint: Endpoint,
    crew: LoadCrew,
    *,
    provider: Provider,
    run_id: str,
    alive: Alive = lambda: None,
    cells: Sequence[Cell] | None = None,
) -> Iterator[Progress | CellFinished]:
    """逐个 cell 地测，边测边给进度，每测完一个给一个 CellFinished。

    `cells` 只测其中一部分（复测、接着跑），缺省为档位的全部。
    服务中途死去：给出手上这个 cell 已有的部分，然后抛 ServiceLostError。
    提前关闭（或 Ctrl-C）时叫停压测组。
    """
    stage = _Stage(spec, endpoint, crew, provider=provider, run_id=run_id, alive=alive, cells=cells)
    try:
        yield from stage.run()
    except BaseException:
        crew.cancel()
        raise


def cut_short(report: CellReport) -> bool:
    """这个 cell 没有测完：被中断，或服务中途没了。"""
    return any(reason.startswith((INTERRUPTED, LOST)) for reason in report.certificate.reasons)


class _Stage:
    """一次 drive 的上下文与累计进度。"""

    def __init__(
        self,
        spec: PerfSpec,
        endpoint: Endpoint,
        crew: LoadCrew,
        *,
        provider: Provider,
        run_id: str,
        alive: Alive,
        cells: Sequence[Cell] | None = None,
    ) -> None:
        """算好全程的请求数。"""
        self._spec = spec
        self._endpoint = endpoint
        self._crew = crew
        self._provider = provider
        self._run_id = run_id
        self._alive = alive
        self._plans: dict[int, PromptPlan | None] = {}
        self._past = Counters()
        self._cells = spec.cells() if cells is None else tuple(cells)
        self._total = sum((cell.num_requests + spec.warmup) * spec.epochs for cell in self._cells)

    def run(self) -> Iterator[Progress | CellFinished]:
        """校准，然后逐个 cell。"""
        yield self._progress("calibrating prompt lengths")
        source = self._calibrate()
        yield self._progress(f"prompt lengths by {source}")
        for cell in self._cells:
            yield from self._cell(cell)

    def _calibrate(self) -> str:
        """定下参数与各输入长度的提示词拼法；返回长度的来源。"""
        field = self._provider.max_tokens_field
        timeout_s = min(_PROBE_S, self._spec.timeout_s)
        with OpenAIClient(self._endpoint, timeout_s=timeout_s, keepalive=False) as client:
            self._spec = settle(client, self._spec, field)
            source, self._plans = plan_prompts(client, self._spec, field, self._run_id)
        return source

    def _cell(self, cell: Cell) -> Iterator[Progress | CellFinished]:
        """一个 cell 的全部 epoch；服务死了也先交出已有的。"""
        started = datetime.now().astimezone().isoformat(timespec="seconds")
        hauls: list[Haul] = []
        lost: str | None = None
        watch = ServerWatch(self._endpoint)
        watch.before()
        for epoch in range(self._spec.epochs):
            found, lost = yield from self._epoch(cell, epoch)
            hauls += found
            if lost is not None:
                break
        table = pa.concat_tables([REQUESTS.empty_table(), *(haul.requests for haul in hauls)])
        summary = summarise(
            table,
            cell,
            self._spec,
            provider=self._provider.id,
            execution_time=started,
            server=watch.after(table),
            shed=sum(haul.health.shed for haul in hauls if haul.health is not None),
        )
        certificate = certify(hauls)
        if lost is not None:
            why = lost if lost == INTERRUPTED else f"{LOST}: {lost}"
            reasons = (*certificate.reasons, why)
            certificate = replace(certificate, ok=False, reasons=reasons)
        yield CellFinished(CellReport(summary, certificate), table)
        if lost == INTERRUPTED:
            raise KeyboardInterrupt
        if lost is not None:
            raise ServiceLostError(lost)

    def _epoch(
        self, cell: Cell, epoch: int
    ) -> Generator[Progress, None, tuple[list[Haul], str | None]]:
        """一个 epoch：返回收获，与服务的死因（活着为 None）。"""
        crew, note = self._crew, f"{cell.id} epoch {epoch + 1}/{self._spec.epochs}"
        crew.prepare(self._shares(cell, epoch))
        crew.go()
        lost: str | None = None
        try:
            while not crew.wait(POLL_S):
                now = _within(crew.counters(), cell, self._spec)
                yield self._progress(note, cell, now, epoch=epoch + 1)
                lost = self._alive()
                if lost is not None:
                    break
        except KeyboardInterrupt:
            lost = INTERRUPTED
        if lost is not None:
            crew.cancel()
            crew.wait(_STOP_S)
        lost = lost or self._alive()
        ended = _within(crew.counters(), cell, self._spec)
        self._past = replace(self._past + ended, in_flight=0, permits=0)
        hauls = crew.collect()
        yield self._progress(note, cell, epoch=epoch + 1)
        return hauls, lost

    def _shares(self, cell: Cell, epoch: int) -> list[Share]:
        """把一个 epoch 切给压测者：用得着几个就几个，开头轮不到许可的也参加。"""
        schedule = self._spec.schedule(cell.concurrency)
        wanted = needed_workers(self._spec, cell.concurrency)
        workers = max(1, min(self._crew.size, wanted, schedule.peak))
        return [
            Share(
                endpoint=self._endpoint,
                cell=cell,
                spec=self._spec,
                schedule=Slice(schedule, worker, workers),
                epoch=epoch,
                salt=f"{self._run_id}/{cell.id}/{epoch}",
                max_tokens_field=self._provider.max_tokens_field,
                prompt_plan=self._plans.get(cell.input_length),
            )
            for worker in range(workers)
        ]

    def _progress(
        self,
        note: str,
        cell: Cell | None = None,
        now: Counters = Counters(),  # noqa: B008 冻结的值
        *,
        epoch: int = 0,
    ) -> Progress:
        """全程累计的进度；`now` 是当前 epoch 的计数。"""
        counters = self._past + now
        return Progress("perf", note, counters.done, self._total, counters, cell, epoch)


def _within(counters: Counters, cell: Cell, spec: PerfSpec) -> Counters:
    """一个 epoch 的计数，垫场的请求（见 Feeder.filler）不使它超出该做的。"""
    most = cell.num_requests + spec.warmup
    return replace(counters, issued=min(counters.issued, most), done=min(counters.done, most))
