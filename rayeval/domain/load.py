"""压测者之间流动的名词：份额（Share）、计数、自证与证书。"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rayeval.domain.perf import Cell, PerfSpec
from rayeval.domain.schedule import Slice
from rayeval.domain.service import Endpoint


@dataclass(frozen=True, slots=True)
class PromptPlan:
    """一个输入长度的提示词怎样拼：校准的结果，压测者照着写。

    `head` 是开头的词数（次序由序号定），`units` 是正文的单元数（一个单元二英一中），
    `letters` 是收尾的单字母数；`prefix_units` 与 `prefix_letters` 拼成全 cell 共有的开头，
    都为 0 即没有；`mark` 是运行的标记，共有的开头随它而变。
    """

    head: int
    units: int
    letters: int
    prefix_units: int = 0
    prefix_letters: int = 0
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Share:
    """一个压测者在一个 cell 的一个 epoch 里的份额：它造请求、连接、计时所需的全部。

    预热与测量各自从 0 编号；各份的预热合起来恰为整体。测量请求在几个压测者之间现取现发
    （`rayeval.perf.deal`）；预先分好的（`measured_indices`）只用于开环与没有发号者的时候。
    `prompt_plan` 是校准过的提示词拼法；没有时按一词一 token 算。
    """

    endpoint: Endpoint
    cell: Cell
    spec: PerfSpec
    schedule: Slice
    epoch: int
    salt: str
    max_tokens_field: str = "max_tokens"
    prompt_plan: PromptPlan | None = None

    @property
    def worker(self) -> int:
        """第几个压测者，从 0 起。"""
        return self.schedule.worker

    def warmup_indices(self) -> range:
        """这一份的预热请求序号；开头轮不到许可的不预热：合起来也不多于开头的许可。"""
        workers = min(self.schedule.workers, max(1, self.schedule.whole.permits_at(0.0)))
        if self.worker >= workers:
            return range(0)
        return range(self.worker, self.spec.warmup, workers)

    def measured_indices(self) -> Sequence[int]:
        """预先分给这一份的测量请求序号，从 0 起；各份合起来恰为整体，不重不漏。

        开环按序号轮流；闭环按许可：序号落在第几个峰值许可上，就归那个许可的主人。
        """
        number, workers = self.cell.num_requests, self.schedule.workers
        if workers == 1 or self.spec.open_loop is not None:
            return range(self.worker, number, workers)
        peak = max(1, self.schedule.whole.peak)
        return [i for i in range(number) if i % peak % workers == self.worker]


@dataclass(frozen=True, slots=True)
class Counters:
    """运行中可读的计数；只增不减，`in_flight` 与 `permits`（此刻许可的在途）除外。"""

    issued: int = 0
    done: int = 0
    failed: int = 0
    in_flight: int = 0
    tokens: int = 0
    permits: int = 0

    def __add__(self, other: Counters) -> Counters:
        """多个压测者相加。"""
        return Counters(
            self.issued + other.issued,
            self.done + other.done,
            self.failed + other.failed,
            self.in_flight + other.in_flight,
            self.tokens + other.tokens,
            self.permits + other.permits,
        )


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """压测者自证：它有没有拖累测量。时间单位秒，CPU 是占一核的份额。

    `permits_asked` 是 ∫permits dt，`permits_delivered` 是 ∫in-flight dt（许可·秒，
    只算还有请求可发的时段）；`clock` 是时间戳来源（read 或 kernel）；
    `loop_lag_*` 是字节到了多久才被读到（内核戳与读到的时刻之差；没有内核戳时是循环的迟到）；
    `starved_share` 是想跑却在等 CPU 的份额；`slip_*` 是开环时发送比计划晚了多少（不算排在
    上限后面的），`shed` 是因上限丢弃的请求；`collections` 是测量中垃圾回收的次数；
    `connections_dropped` 是断掉的连接，不论哪一边断的；`permits_peak` 是这一份许可的峰值。
    """

    worker: int
    node: str
    wall_s: float
    cpu_share: float
    loop_lag_p99_s: float
    loop_lag_max_s: float
    permits_asked: float
    permits_delivered: float
    connections_opened: int
    requests_issued: int
    retries: int
    clock: str
    connections_dropped: int = 0
    permits_peak: int = 0
    starved_share: float = 0.0
    slip_p99_s: float = 0.0
    slip_max_s: float = 0.0
    shed: int = 0
    collections: int = 0


MIN_ASKED = 1.0
"""许可·秒少于此（如几毫秒就结束的一个 cell），兑现的比例没有意义。"""


@dataclass(frozen=True, slots=True)
class Certificate:
    """一个 cell 的证书：发生器是否守约。`ok` 为假的 cell 既不能让门禁过，也不能让它挂。"""

    ok: bool
    reasons: tuple[str, ...]
    workers: tuple[WorkerHealth, ...]

    @property
    def judged(self) -> bool:
        """负载长到判得出许可是否兑现；更短的只看迟到与 CPU。"""
        asked = sum(worker.permits_asked for worker in self.workers)
        return not self.workers or asked >= MIN_ASKED
