"""两次存盘的运行对照：判，说出来，要的话写成 Markdown 与一页 HTML。"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from rayeval.export import comparison
from rayeval.judging import append_to, judge_between, print_json
from rayeval.reporting import page_of, write_page


@dataclass(frozen=True, slots=True)
class Outputs:
    """除了终端还写到哪里；`as_json` 是终端上只要一个 JSON 对象。"""

    markdown: Path | None = None
    html: Path | None = None
    as_json: bool = False


def compare_stored(
    before: Path, after: Path, config_dir: Path | None, outputs: Outputs, console: Console
) -> int:
    """后一次（`after`）比前一次（`before`），返回退出码。"""
    base, judged = judge_between(before, after, config_dir)
    now, verdict = judged.report, judged.verdict
    if outputs.markdown is not None:
        append_to(outputs.markdown, comparison.comparison_md(base, now, verdict))
    if outputs.html is not None:
        write_page(outputs.html, page_of(judged, linked=False, between=True))
    if outputs.as_json:
        print_json(verdict, console)
        return verdict.exit_code
    for renderable in comparison.comparison_tables(base, now, verdict):
        console.print(renderable, highlight=False)
    if outputs.html is not None:
        console.print(f"page: {outputs.html}", highlight=False, soft_wrap=True, markup=False)
    return verdict.exit_code
