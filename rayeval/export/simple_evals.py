"""准确率 → simple-evals 形状的三个文件：{stem}.json、{stem}_allresults.json、{stem}.html。

形状相同，读 simple-evals 结果的工具不必改；我们多出来的只放在 `rayeval` 一个键之下。
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from rayeval.domain.accuracy import Accuracy
from rayeval.domain.records import ANSWER_TIMES
from rayeval.export.answers import scored
from rayeval.export.jinja import environment

Row = dict[str, Any]

WITHHELD = "[question withheld]"


def stem(accuracy: Accuracy, model: str, ts: str) -> str:
    """三个文件共用的名字：`{数据集}_{模型}_{ts}[_DEBUG]`。

    开头是 dataset_name：不是 GPQA 的数据因此不会叫 gpqa。名字里只留字母、数字、`.-_`。
    """
    suffix = "_DEBUG" if accuracy.debug else ""
    return f"{_name(accuracy.dataset_name)}_{_name(model)}_{ts}{suffix}"


def result_json(accuracy: Accuracy) -> bytes:
    """{stem}.json：simple-evals 的四个数（键按字母序），与 `rayeval` 之下的其余结论。"""
    metrics = {**_metrics(accuracy), "score": accuracy.score, "rayeval": _ours(accuracy)}
    return _json(dict(sorted(metrics.items())))


def allresults_json(
    accuracy: Accuracy, rows: Callable[[], Iterable[Row]], system_message: str | None = None
) -> Iterator[bytes]:
    """{stem}_allresults.json，一截一截：score、metrics、htmls、convos、metadata，逐题同次序。

    `rows` 每次调用从头给出各题（取三遍），内存里一次只有一题。不许留题面时对话里的问题写作
    隐去，回复只有末行（作答的一方已经去掉了）。
    """
    block = environment().get_template("answer.html.j2")
    views = partial(_views, rows, system_message)
    yield b'{\n  "score": ' + _json(accuracy.score)
    yield b',\n  "metrics": ' + _json(_metrics(accuracy))
    yield b',\n  "htmls": '
    yield from _array(block.render(row=row) for row in views())
    yield b',\n  "convos": '
    yield from _array(
        [*row["prompt_messages"], {"role": "assistant", "content": row["reply"]}] for row in views()
    )
    yield b',\n  "metadata": {"example_level_metadata": '
    yield from _array(_example_metadata(row) for row in views())
    yield b', "rayeval": ' + _json(_ours(accuracy)) + b"}\n}\n"


def report_html(
    accuracy: Accuracy, rows: Iterable[Row], system_message: str | None = None
) -> Iterator[bytes]:
    """{stem}.html，一截一截：自成一体的一页，先是指标表，再逐题列出对话、回复、两种读法与得分。

    模型的话不可信：一律转义，控制字符换掉，过长的截断并注明；页面自身禁止一切脚本与外联。
    """
    page = environment().get_template("accuracy.html.j2")
    views = (_view(row, system_message) for row in rows)
    for piece in page.generate(
        accuracy=accuracy, metrics=_metrics(accuracy), ours=_ours(accuracy), rows=views
    ):
        yield piece.encode("utf-8", "replace")


def _metrics(accuracy: Accuracy) -> dict[str, Any]:
    """simple-evals 的 metrics：score 之外的数。MMLU 按大类，别的按回复的长短。"""
    if accuracy.by_category:
        found = {"score:std": accuracy.std}
        for domain in accuracy.domains:
            found |= {domain.name: domain.score, f"{domain.name}:std": domain.std}
        return found
    return {
        "chars": accuracy.mean_chars,
        "chars:std": accuracy.std_chars,
        "score:std": accuracy.std,
    }


def _ours(accuracy: Accuracy) -> dict[str, Any]:
    """simple-evals 没有的结论；措辞归属与数据集名写在最前。"""
    return {
        "prompt": accuracy.prompt,
        "dataset": accuracy.dataset_name,
        "n": accuracy.n,
        "examples": accuracy.examples,
        "repeats": accuracy.repeats,
        "debug": accuracy.debug,
        "valid": accuracy.valid,
        "ok": accuracy.ok,
        "min_score": accuracy.min_score,
        "robust_score": accuracy.robust_score,
        "stderr": accuracy.stderr,
        "low": accuracy.low,
        "high": accuracy.high,
        "unparsed_ratio": accuracy.unparsed_ratio,
        "truncated_ratio": accuracy.truncated_ratio,
        "error_ratio": accuracy.error_ratio,
        "errors": dict(accuracy.errors),
        "outcomes": dict(accuracy.outcomes),
        "rate_limited": accuracy.rate_limited,
        "resumed": accuracy.resumed,
        "source": accuracy.source,
        "dataset_sha256": accuracy.dataset_sha256,
        "domains": {domain.name: dataclasses.asdict(domain) for domain in accuracy.domains},
    }


def _views(rows: Callable[[], Iterable[Row]], system_message: str | None) -> Iterator[Row]:
    """从头逐题给出要给人看的样子。"""
    return (_view(row, system_message) for row in rows())


def _view(row: Row, system_message: str | None) -> Row:
    """一题 → 要给人看的样子；没有题面的写作隐去。"""
    system = [] if system_message is None else [{"role": "system", "content": system_message}]
    user = {"role": "user", "content": row["prompt"] or WITHHELD}
    return {**row, "prompt_messages": [*system, user], "score": scored(row)}


def _example_metadata(row: Row) -> Row:
    """一题的旁注：除了长文本与快慢的一切，于是与分片数无关。"""
    left_out = {"prompt", "reply", "reasoning", "prompt_messages", *ANSWER_TIMES.names[1:]}
    return {name: value for name, value in row.items() if name not in left_out}


def _name(text: str) -> str:
    """文件名的一节：别的字符换成 `_`，不以点开头，不为空。"""
    return re.sub(r"[^\w.-]", "_", text).lstrip(".") or "_"


def _array(values: Iterable[object]) -> Iterator[bytes]:
    """JSON 数组，一个元素一截。"""
    lead = b"[\n"
    for value in values:
        yield lead + _json(value)
        lead = b",\n"
    yield b"[]" if lead == b"[\n" else b"\n]"


def _json(value: object) -> bytes:
    """缩进两格的 UTF-8 JSON；绝不写出 NaN。"""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "replace")
