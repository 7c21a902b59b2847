"""一个压测者：prepare → run → collect；普通的类，套上线程或 Ray actor 都能用。"""

from __future__ import annotations

import platform
import threading

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rayeval.domain.load import Counters, Share, WorkerHealth
from rayeval.domain.records import empty_requests
from rayeval.errors import InfrastructureError, RayevalError, UsageError
from rayeval.perf.arrivals import deadlines
from rayeval.perf.crew import Haul
from rayeval.perf.deal import Deal
from rayeval.perf.exchange import Exchange
from rayeval.perf.failure import Ending
from rayeval.perf.feeder import Feeder
from rayeval.perf.heap import give_back
from rayeval.perf.interpret import interpret
from rayeval.perf.open_pace import OpenPace
from rayeval.perf.pace import ClosedPace, Pace
from rayeval.perf.poller import Poller, new_poller
from rayeval.perf.pool import Pool
from rayeval.perf.rows import KERNEL, READ, Rows
from rayeval.perf.stint import Stint
from rayeval.perf.supply import Supply
from rayeval.perf.target import Target, parse_target
from rayeval.perf.vitals import Vitals, collector_held

TIERED_FROM = 512
"""许可多于此时急的流先读；少时一个核读得过来，分级反而多几次系统调用，先发的又撞上服务的突发。"""


class LoadWorker:
    """按一份 Share 施压。

    次序：prepare、run、collect，可以反复；run 阻塞到全部了结（或 cancel）。
    counters 与 cancel 可从别的线程调用，其余只能一个接一个。用完 close。
    """

    def __init__(self) -> None:
        """还没有连接。"""
        self._poller: Poller | None = None
        self._pool: Pool | None = None
        self._pool_key: object = None
        self._share: Share | None = None
        self._stint: Stint | None = None
        self._supply: Supply | None = None
        self._vitals = Vitals()
        self._cancelled = threading.Event()

    def prepare(self, share: Share, deal: Deal | None = None) -> None:
        """造好请求字节，连好这一份峰值许可条连接；连不上不是错误，留给测量去记。

        `deal` 是几个压测者合打一场时的发号者，没有则按份额预先分好的来。
        许可永远为零的份额会永远等下去，因此抛 UsageError。
        """
        if share.schedule.peak == 0:
            msg = (
                f"worker {share.worker} of {share.schedule.workers} has no permit; use no more "
                f"workers than the concurrency {share.schedule.whole.peak}"
            )
            raise UsageError(msg)
        self._cancelled.clear()
        self._share = share
        self._vitals = Vitals()
        pool, poller = self._open(share)
        pool.reset()
        self._supply, self._stint = None, None
        feeder, pace = _feeder(share, deal), _pace(share, dealt=deal is not None)
        if deal is not None:
            self._supply = Supply(deal, share, pace, feeder, poller)
            self._supply.fill()
        feeder.stock()
        self._stint = Stint(
            share,
            feeder,
            pace,
            pool=pool,
            poller=poller,
            vitals=self._vitals,
            supply=self._supply,
        )
        _rehearse(share)
        pool.fill(share.schedule.peak)

    def run(self) -> None:
        """跑完这一份才返回；prepare 之后调用一次。发号者没了则做完手上的，抛 RayevalError。"""
        stint, supply = self._stint, self._supply
        if stint is None:
            raise RayevalError("LoadWorker.run was called before prepare; call prepare first")
        with collector_held():
            if supply is not None:
                supply.start()
            self._vitals.start()
            if self._cancelled.is_set():
                stint.cancel()
            try:
                stint.run()
            finally:
                self._vitals.stop()
                if supply is not None:
                    supply.close()
        if supply is not None and supply.trouble:
            msg = f"the dealer of request numbers was lost ({supply.trouble}); start the run again"
            raise InfrastructureError(msg)

    def collect(self) -> Haul:
        """取走 run 的收获；没有跑过则表为空。各时刻自测量的零点算起。"""
        share, stint = self._share, self._stint
        if share is None or stint is None:
            return Haul(0, empty_requests(), None, lost="nothing was prepared")
        rows = stint.rows.table()
        if stint.pace.zero is not None:
            rows = _moved(rows, stint.pace.zero - stint.began_s)
        give_back()
        return Haul(share.worker, rows, self._health(share, stint))

    def counters(self) -> Counters:
        """此刻的计数；任一线程可读。"""
        stint = self._stint
        return Counters() if stint is None else stint.counters()

    def cancel(self) -> None:
        """尽快停下；任一线程可调用，run 随后返回，collect 仍给出已有的行。"""
        self._cancelled.set()
        if self._stint is not None:
            self._stint.cancel()

    def close(self) -> None:
        """断开连接。"""
        if self._pool is not None:
            self._pool.close()
        if self._poller is not None:
            self._poller.close()
        self._pool = self._poller = self._stint = None

    def _open(self, share: Share) -> tuple[Pool, Poller]:
        """连接池与等待的集合；换了地址、时限或级数就换一池。"""
        tiered = share.schedule.peak > TIERED_FROM
        target, limit = parse_target(share.endpoint.base_url), share.spec.connect_timeout_s
        key: tuple[Target, float, bool] = (target, limit, tiered)
        if self._pool is None or self._poller is None or self._pool_key != key:
            self.close()
            self._poller = new_poller(tiered=tiered)
            self._pool = Pool(target, self._poller, limit)
            self._pool_key = key
        return self._pool, self._poller

    def _health(self, share: Share, stint: Stint) -> WorkerHealth:
        """自证。"""
        assert self._pool is not None  # noqa: S101 prepare 过
        return WorkerHealth(
            worker=share.worker,
            node=platform.node(),
            wall_s=self._vitals.wall_s,
            cpu_share=self._vitals.cpu_share,
            loop_lag_p99_s=self._vitals.lag_p99_s(),
            loop_lag_max_s=self._vitals.lag_max_s(),
            permits_asked=stint.pace.asked,
            permits_delivered=stint.pace.delivered,
            connections_opened=self._pool.opened,
            requests_issued=stint.counters().issued,
            retries=stint.retries,
            clock=KERNEL if stint.kernel else READ,
            connections_dropped=self._pool.dropped,
            permits_peak=share.schedule.peak,
            starved_share=self._vitals.starved_share,
            slip_p99_s=float(np.percentile(stint.pace.slips, 99)) if stint.pace.slips else 0.0,
            slip_max_s=max(stint.pace.slips, default=0.0),
            shed=stint.pace.shed,
            collections=self._vitals.collections,
        )


def _rehearse(share: Share) -> None:
    """把解读与成行走一遍：pyarrow 与 numpy 的首次转换要几十毫秒，不能落在测量里。"""
    exchange = Exchange(b"", "", 0, "warmup")
    reply = b'HTTP/1.1 200 OK\r\n\r\ndata: {"choices":[{"delta":{"content":"1"}}]}\n\n'
    reads = [(1.0, reply), (2.0, b'data: {"choices":[{"delta":{"content":"2"}}]}\n\n')]
    rows = Rows(share, 0.0, 0.0)
    rows.add(exchange, interpret(reads, 0.0, Ending.COMPLETE, 3.0))
    rows.table()


def _moved(rows: pa.Table, later_s: float) -> pa.Table:
    """各时刻改从晚 `later_s` 秒的一刻算起；墙钟的不动。"""
    for name in _MOMENTS:
        column = pc.subtract(rows[name], later_s)
        rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
    return rows


def _feeder(share: Share, deal: Deal | None) -> Feeder:
    """这一份的请求：先预热，后测量；闭环的测量有发号者时现取。"""
    feeder = Feeder(share)
    feeder.add("warmup", share.warmup_indices())
    if deal is None or share.spec.open_loop is not None:
        feeder.add("measured", share.measured_indices())
    return feeder


def _pace(share: Share, *, dealt: bool) -> Pace:
    """这一份的节拍：闭环看许可，开环看计划时刻。预热够不够相接看整体，各份一致。"""
    spec, schedule = share.spec, share.schedule
    warmup, mine = len(share.warmup_indices()), share.measured_indices()
    if spec.open_loop is None:
        measured = 0 if dealt else len(mine)
        joined = 0 < schedule.whole.permits_at(0.0) <= spec.warmup
        return ClosedPace(schedule, warmup, measured, joined=joined, dealt=dealt)
    due = deadlines(spec.open_loop, share.cell.num_requests, spec.seed + share.epoch)
    shed = spec.open_loop.overflow == "shed"
    return OpenPace(due[mine].tolist(), schedule.peak, warmup, shed=shed, dealt=dealt)


_MOMENTS = ("start_s", "end_s", "scheduled_s")
"""从零点算起的列。"""
