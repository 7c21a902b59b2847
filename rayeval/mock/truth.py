"""真值：每个请求在服务一侧实际发生的时刻，写成 CSV。"""

from __future__ import annotations

import csv
from dataclasses import astuple, dataclass, fields
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Truth:
    """一行；时刻是 perf_counter 纳秒，没有发生的为 0；`status` 499 表示客户端先走了。"""

    seq: int
    request_id: str
    t_req: int
    t_first: int
    t_last: int
    t_done: int
    tokens: int
    status: int
    stream: int
    chat: int
    prompt_tokens: int
    late_max_ns: int


COLUMNS = tuple(field.name for field in fields(Truth))


class TruthLog:
    """真值文件；行先攒在内存的缓冲里，close 时一定落盘。"""

    def __init__(self, path: str) -> None:
        """打开文件，写下列名；打不开抛 OSError。"""
        target = Path(path)
        self._file = target.open("w", 1 << 20, "utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def add(self, row: Truth) -> None:
        """加一行。"""
        self._writer.writerow(astuple(row))

    def close(self) -> None:
        """落盘并关上。"""
        self._file.close()
