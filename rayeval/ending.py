"""一次运行最后的话：先是表或结果，再画页面，末了说东西在哪；画坏了不连累前面的。"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass

from rich.console import Console

from rayeval.config import RUN_TYPES
from rayeval.export import terminal
from rayeval.export.files import Artifacts
from rayeval.export.whereabouts import whereabouts
from rayeval.judging import Judged
from rayeval.printable import first_line
from rayeval.publish import Published

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """判过的一次运行与它的退出码；`published` 是推没推；`lively`：终端上动得了光标。"""

    judged: Judged
    code: int
    artifacts: Artifacts
    published: Published
    console: Console
    lively: bool

    def tell(self, *, as_json: bool) -> None:
        """最后的表，或一个 JSON 对象。"""
        if as_json:
            push = {"groups": self.published.groups, "errors": self.published.errors}
            body = {"run_id": self.judged.report.run_id, "exit_code": self.code}
            body |= {"report": str(self.judged.file), "push": push}
            self.console.file.write(json.dumps(body) + "\n")
            return
        for renderable in terminal.summary(self.judged.report, self.judged.verdict, self.code):
            self.console.print(renderable, highlight=False)

    def draw(self) -> None:
        """写 report.html。画不成、写不下只警告：裁决、指标与表都已经有了。"""
        from rayeval.reporting import PAGE, page_of  # 画页面的库不该拖慢第一个请求

        try:
            if self.lively:
                with self.console.status("drawing report.html"):
                    page = page_of(self.judged)
            else:
                page = page_of(self.judged)
            self.artifacts.write(self.artifacts.run(PAGE), page)
        except Exception as error:  # noqa: BLE001 一页画不成，不能丢了一夜的裁决
            folder = self.judged.file.parent
            told = "%s is not written: %s; `rayeval report %s` draws it again"
            _log.warning(told, PAGE, error or type(error).__name__, folder)

    def tell_where(self) -> None:
        """东西在哪、推了没有；中断了的说怎样接着做。"""
        for place in whereabouts(self.judged.report, self.artifacts):
            self.console.print(place, highlight=False, soft_wrap=True)
        for line in self.published.lines(str(self.judged.file.parent)):
            told = first_line(line, 2000)
            self.console.print(told, highlight=False, soft_wrap=True, markup=False)
        report = self.judged.report
        if report.interrupted and report.run_type in RUN_TYPES:
            told = f"to go on: the same command with --resume {report.run_id}"
            self.console.print(told, highlight=False, soft_wrap=True, markup=False)
