"""存盘的原始行：一份报告旁边的 requests.parquet → 一个 cell 的样本。"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rayeval.domain.report import CellSummary, RunReport

if TYPE_CHECKING:
    import pyarrow as pa

Floats = npt.NDArray[np.float64]
Rows = Callable[[str, CellSummary], "CellRows | None"]
"""（场景，cell）→ 它的样本；没有存下来则为 None。"""

COLUMNS = ["input_length", "output_length", "concurrency", "epoch", "phase", "error_class"]
COLUMNS += ["start_s", "end_s", "ttft_s", "e2e_s"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CellRows:
    """一个 cell 测量段的请求，按 epoch 与发出的先后排；未定义为 NaN，时间是秒。

    `busy` 是占用的时间：闭环为在途的时长，开环为到下一次发出的间隔。
    """

    ttft: Floats
    e2e: Floats
    busy: Floats
    success: npt.NDArray[np.bool_]
    plateau: npt.NDArray[np.bool_]

    def latency(self, family: str, *, plateau: bool) -> Floats:
        """成功者的一族延迟；`plateau` 只取平台段。"""
        values = self.ttft if family == "ttft" else self.e2e
        wanted = self.success & ~np.isnan(values)
        return values[wanted & self.plateau if plateau else wanted]

    def work(self, *, plateau: bool) -> Floats:
        """两列：成功与否，占用的秒数；失败的也占着位置。"""
        both = np.column_stack((self.success.astype(np.float64), self.busy))
        both = both[self.plateau] if plateau else both
        return both[~np.isnan(both[:, 1])]


def no_rows(_: str, __: CellSummary) -> CellRows | None:
    """没有原始行。"""
    return None


def stored_rows(report: RunReport, root: Path) -> Rows:
    """一份存盘报告的原始行；`root` 是它的产物目录。"""
    table = stored_tables(report, root, COLUMNS)

    def rows(scenario: str, cell: CellSummary) -> CellRows | None:
        """一个 cell 的样本。"""
        found = table(scenario)
        return None if found is None else cell_rows(found, cell)

    return rows


def stored_tables(
    report: RunReport, root: Path, columns: Sequence[str]
) -> Callable[[str], pa.Table | None]:
    """场景 → 一份存盘报告旁边的请求表，只读 `columns`；文件不在或读不动时说一句，按没有算。

    手里只留最近问的那一张。
    """
    places = {
        scenario.scenario: next(
            (
                found
                for path in scenario.artifacts
                if path.endswith("/requests.parquet") and (found := inside(root, path)) is not None
            ),
            None,
        )
        for scenario in report.scenarios
    }

    @lru_cache(maxsize=1)  # 一个场景的行常有几百兆：看下一个时放掉
    def table(scenario: str) -> pa.Table | None:
        """一个场景的请求表；连着问同一个只读一次。"""
        path = places.get(scenario)
        if path is None:
            return None
        import pyarrow.parquet as pq

        try:
            return pq.read_table(path, columns=list(columns))
        except (OSError, ValueError) as error:  # pyarrow 的错误都归在这两类之下
            _log.warning("%s: %s; there are no raw rows of it", path, error)
            return None

    return table


def inside(root: Path, name: str) -> Path | None:
    """产物目录里的一个平常文件；不在、跑到目录外头的、管道之类都为 None。"""
    try:
        path = (root / name).resolve()
        return path if path.is_relative_to(root.resolve()) and path.is_file() else None
    except (OSError, ValueError):
        return None


def cell_rows(table: pa.Table, cell: CellSummary) -> CellRows | None:
    """请求表 → 一个 cell 测量段的样本；一行也没有则为 None。预热与我们自己叫停的不算。"""
    from rayeval.domain.records import of_cell

    found = of_cell(table, cell.input_length, cell.output_length, cell.concurrency, measured=True)
    here = found.sort_by([("epoch", "ascending"), ("start_s", "ascending")])
    if not here.num_rows:
        return None
    starts, ends = _floats(here, "start_s"), _floats(here, "end_s")
    open_loop = cell.control_method == "rate"
    phase = np.asarray(here["phase"].to_pylist())
    return CellRows(
        ttft=_floats(here, "ttft_s"),
        e2e=_floats(here, "e2e_s"),
        busy=_gaps(starts, _floats(here, "epoch")) if open_loop else ends - starts,
        success=np.asarray([error is None for error in here["error_class"].to_pylist()]),
        plateau=np.full(here.num_rows, fill_value=True) if open_loop else phase == "plateau",
    )


def _gaps(starts: Floats, epochs: Floats) -> Floats:
    """到同一 epoch 下一次发出的间隔；最后一个没有下一次，为 NaN。"""
    gaps = np.append(np.diff(starts), np.nan)
    gaps[np.append(np.diff(epochs) != 0, True)] = np.nan
    return gaps


def _floats(table: pa.Table, name: str) -> Floats:
    """一列 → float64，null 成 NaN。"""
    import pyarrow as pa

    column = table[name].cast(pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)
