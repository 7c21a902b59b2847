"""rayeval 自己的一份：一个 LoadWorker，经由稳定的接口驱动。"""

from __future__ import annotations

import pyarrow as pa

from rayeval.domain.load import Share
from rayeval.domain.perf import PerfSpec
from rayeval.domain.records import empty_requests
from rayeval.domain.schedule import Constant, Slice
from rayeval.domain.service import Endpoint
from rayeval.perf.worker import LoadWorker
from tests.bench.child import Job, Row, play

PROMPT_TOKENS = 16
_COLUMNS = (
    *("request_id", "start_s", "end_s", "ttft_s", "last_token_s", "token_events"),
    *("completion_tokens", "error_class"),
)


class Loader:
    """见 child.Client。"""

    def __init__(self) -> None:
        self._worker = LoadWorker()
        self._table: pa.Table = empty_requests()

    def prepare(self, job: Job) -> None:
        self._worker.prepare(share_of(job))

    def run(self) -> None:
        self._worker.run()

    def collect(self) -> None:
        self._table = self._worker.collect().requests

    def rows(self) -> list[Row]:
        self._worker.close()
        columns = [self._table[name].to_pylist() for name in _COLUMNS]
        return [
            Row(
                name, start, end, None if error else ttft, (last or 0) - (ttft or 0), events, tokens
            )
            for name, start, end, ttft, last, events, tokens, error in zip(*columns, strict=True)
        ]


def share_of(job: Job) -> Share:
    spec = PerfSpec(
        concurrency=(job.streams,),
        num_requests=(job.requests,),
        input_length=(PROMPT_TOKENS,),
        output_length=(job.tokens,),
        control_method="queue",
    )
    return Share(
        endpoint=Endpoint(job.base_url, job.model),
        cell=spec.cells()[0],
        spec=spec,
        schedule=Slice(Constant(job.streams), job.worker, job.workers),
        epoch=0,
        salt=job.salt,
    )


if __name__ == "__main__":
    play(Loader())
