"""画页面要用的原始行：几样旋钮，其余取太平无事的值。"""

import pyarrow as pa
import pytest

from rayeval.domain.records import REQUESTS

CALM = {
    "epoch": 0,
    "phase": "plateau",
    "input_length": 128,
    "output_length": 32,
    "concurrency": 4,
    "start_s": 0.0,
    "end_s": 1.0,
    "ttft_s": 0.1,
    "last_token_s": 0.9,
    "e2e_s": 1.0,
    "itl_s": [0.025] * 3,
    "completion_tokens": 33,
    "token_events": 33,
    "error_class": None,
}


def make_requests(*rows):
    return pa.Table.from_pylist([CALM | row for row in rows], schema=REQUESTS)


@pytest.fixture
def requests():
    return make_requests
