"""列表列的统计：与 NumPy 的逐位相同，不论怎样分块、怎样挑行。"""

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from rayeval.domain.report import NO_STATS
from rayeval.perf.pooled import describe_lists

QUANTILES = (0.5, 0.75, 0.9, 0.95, 0.99)
floats32 = st.floats(width=32, allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6)
lists = st.lists(st.none() | st.lists(floats32, max_size=5), max_size=12)


def column(*chunks):
    return pa.chunked_array([pa.array(c, pa.list_(pa.float32())) for c in chunks])


@given(st.lists(lists, min_size=1, max_size=4), st.data())
def test_the_same_as_numpy_over_any_chunks_rows_nulls_and_signs(chunks, data):
    rows = [row for chunk in chunks for row in chunk]
    size = len(rows)
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)), bool)
    pool = [v for row, wanted in zip(rows, mask, strict=True) if wanted for v in row or ()]
    values = np.array(pool, np.float32)
    found = describe_lists(column(*chunks), mask, QUANTILES)
    assert found.n == values.size
    if not values.size:
        assert found == NO_STATS
        return
    assert (found.min, found.max) == (values.min(), values.max())
    assert found.min <= found.avg <= found.max
    expected = np.quantile(values.astype(np.float64), QUANTILES)
    points = [found.p50, found.p75, found.p90, found.p95, found.p99]
    np.testing.assert_allclose(points, expected, rtol=1e-9, atol=1e-9)


def test_many_blocks_of_rows_with_a_sliced_chunk():
    rng = np.random.default_rng(0)
    values = rng.exponential(0.01, 300_000).astype(np.float32)
    offsets = np.arange(0, 300_001, 3, dtype=np.int32)
    whole = pa.ListArray.from_arrays(offsets, values)
    chunks = pa.chunked_array([whole.slice(0, 10), whole.slice(10)])
    mask = rng.random(100_000) < 0.7
    found = describe_lists(chunks, mask, QUANTILES)
    kept = values.reshape(-1, 3)[mask].ravel().astype(np.float64)
    assert found.n == kept.size
    assert found.p99 == np.quantile(kept, 0.99)
