"""请求行进列：UTF-8 装不下的文字换掉，不丢一批行。"""

import pyarrow as pa

from rayeval.perf.rows import _array


def test_a_lone_surrogate_of_the_service_costs_one_character():
    made = _array(["stop", None, "a\ud800b"], pa.string(), 3)
    assert made.to_pylist() == ["stop", None, "a?b"]
