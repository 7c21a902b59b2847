"""准确率 → simple-evals 形状的三个文件：{stem}.json、{stem}_allresults.json、{stem}.html。

形状相同，读 simple-evals 结果的工具不必改；我们多出来的只放在 `rayeval` 一个键之下。
"""

from __future__ import annotations

import json
import re
from functools import cache
from typing import Any

import jinja2
import pyarrow as pa

from rayeval.domain.accuracy import Accuracy

Row = dict[str, Any]

MAX_HTML_CHARS = 20_000
"""一段文本在 HTML 里至多这么长；全文在 _allresults.json 里。"""

MAX_LAST_LINE_CHARS = 200
WITHHELD = "[question withheld]"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


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
    accuracy: Accuracy,
    table: pa.Table,
    *,
    include_questions: bool,
    system_message: str | None = None,
) -> bytes:
    """{stem}_allresults.json：score、metrics、htmls、convos、metadata，逐题次序同 index。

    `table` 是 ANSWERS；不含题面时对话里的问题被隐去，回复只留末行，推理与报错原话
    不给（它们常复述题目）。
    """
    rows = _views(table, include_questions=include_questions, system_message=system_message)
    block = _templates().get_template("answer.html.j2")
    return _json(
        {
            "score": accuracy.score,
            "metrics": _metrics(accuracy),
            "htmls": [block.render(row=row) for row in rows],
            "convos": [
                [*row["prompt_messages"], {"role": "assistant", "content": row["reply"]}]
                for row in rows
            ],
            "metadata": {
                "example_level_metadata": [_example_metadata(row) for row in rows],
                "rayeval": _ours(accuracy),
            },
        }
    )


def report_html(
    accuracy: Accuracy,
    table: pa.Table,
    *,
    include_questions: bool,
    system_message: str | None = None,
) -> bytes:
    """{stem}.html：自成一体的一页，先是指标表，再逐题列出对话、回复、两种读法与得分。

    模型的话不可信：一律转义，控制字符换掉，过长的截断并注明；页面自身禁止一切脚本与外联。
    `table` 与 include_questions 同 allresults_json。
    """
    page = _templates().get_template("accuracy.html.j2")
    rows = _views(table, include_questions=include_questions, system_message=system_message)
    text = page.render(
        accuracy=accuracy, metrics=_metrics(accuracy), ours=_ours(accuracy), rows=rows
    )
    return text.encode()


def _metrics(accuracy: Accuracy) -> dict[str, Any]:
    """simple-evals 的 metrics：score 之外的三个数。"""
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
    }


def _views(table: pa.Table, *, include_questions: bool, system_message: str | None) -> list[Row]:
    """ANSWERS 的每一行 → 要给人看的样子。"""
    return [
        _view(row, include_questions=include_questions, system_message=system_message)
        for row in table.to_pylist()
    ]


def _view(row: Row, *, include_questions: bool, system_message: str | None) -> Row:
    """一行 ANSWERS → 要给人看的样子；隐去题面时推理与报错原话也不给，那里面常有题。"""
    prompt = row["prompt"] if include_questions else WITHHELD
    system = [] if system_message is None else [{"role": "system", "content": system_message}]
    return {
        **row,
        "prompt_messages": [*system, {"role": "user", "content": prompt}],
        "reply": row["reply"] if include_questions else _last_line(row["reply"]),
        "reasoning": row["reasoning"] if include_questions else "",
        "error_message": row["error_message"] if include_questions else "",
    }


def _example_metadata(row: Row) -> Row:
    """一题的旁注：除了长文本的一切。"""
    left_out = {"prompt", "reply", "reasoning", "prompt_messages"}
    return {name: value for name, value in row.items() if name not in left_out}


def _last_line(text: str) -> str:
    """最后一个非空行的末尾 200 字：看得见答案，看不见题。"""
    lines = text.strip().splitlines()
    return lines[-1][-MAX_LAST_LINE_CHARS:] if lines else ""


def _shown(text: object) -> str:
    """给 HTML 的文本：控制字符换成替代符，过长则截断并说少了多少字。"""
    plain = _CONTROL.sub("\ufffd", str(text))
    if len(plain) <= MAX_HTML_CHARS:
        return plain
    return f"{plain[:MAX_HTML_CHARS]}\n[… {len(plain) - MAX_HTML_CHARS} characters left out]"


def _name(text: str) -> str:
    """文件名的一节：别的字符换成 `_`，不以点开头，不为空。"""
    return re.sub(r"[^\w.-]", "_", text).lstrip(".") or "_"


def _json(value: object) -> bytes:
    """缩进两格的 UTF-8 JSON；绝不写出 NaN。"""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False).encode()


@cache
def _templates() -> jinja2.Environment:
    """模板环境：一律转义，未定义的变量是错误。"""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("rayeval.export", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shown"] = _shown
    return environment
