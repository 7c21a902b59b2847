"""结论 → 终端上的表与一句总结；文本先去掉控制字符，也不当作标记读。"""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from rayeval.doctor.finding import Finding, State
from rayeval.printable import amount, printable

MARKS = {
    State.OK: ("ok", "green"),
    State.WARN: ("warn", "yellow"),
    State.FAIL: ("FAIL", "bold red"),
    State.SKIP: ("-", "dim"),
}


def table(findings: Sequence[Finding]) -> Table:
    """一项一行：记号、名字、看到的，修法在下面。"""
    grid = Table(box=None, pad_edge=False, show_header=False)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for finding in findings:
        word, style = MARKS[finding.state]
        seen = Text(printable(finding.seen, "\n"), "dim" if finding.state is State.SKIP else "")
        if finding.mend:
            seen.append("\n→ " + printable(finding.mend, "\n"), "cyan")
        grid.add_row(Text(word, style), Text(finding.name), seen)
    return grid


def verdict(findings: Sequence[Finding]) -> Text:
    """最后一句：几处要修，几处该知道。"""
    failed = sum(finding.state is State.FAIL for finding in findings)
    warned = sum(finding.state is State.WARN for finding in findings)
    know = f"{warned} to know about" if warned else ""
    if failed:
        things = f"{amount(failed, 'thing')} to mend"
        return Text.assemble((things, "bold red"), f", {know}" if know else "")
    return Text.assemble(("nothing to mend", "bold green"), f", {know}" if know else "")
