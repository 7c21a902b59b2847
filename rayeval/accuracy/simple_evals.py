"""读 simple-evals 自己写的结果：{基准}_{模型}_{时间}[_DEBUG].json 与 .html → 分与逐题的答。

JSON 只有总分；HTML 里逐题有正确字母、读出的字母与对话，于是标准误、区间、另一种读法都算得出。
两份都在时互相核对。
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from rayeval.accuracy.aggregate import aggregate, exam_of
from rayeval.accuracy.ask import kind_of, withhold
from rayeval.accuracy.extract import extract_robust
from rayeval.accuracy.simple_evals_page import Example, Page
from rayeval.accuracy.spread import interval
from rayeval.domain.accuracy import Accuracy, AccuracySpec, Answer
from rayeval.errors import InfrastructureError

SOURCE = "simple-evals"
PROMPT = "external"
_NAME = re.compile(
    r"(?P<dataset>[A-Za-z0-9]+(?:_(?:diamond|main|extended))?)_(?P<model>.+?)"
    r"_(?P<ts>\d{8}[_T-]?\d{6}Z?|\d{10,14})(?P<debug>_DEBUG)?"
)
_ALL = "_allresults"
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Named:
    """文件名里写着的：基准、模型、时间、是不是调试。"""

    dataset: str
    model: str
    ts: str
    debug: bool


def parse_name(path: Path) -> Named | None:
    """结果文件的名字 → 各部分；不是这种名字则为 None。

    认 simple-evals 命令行的（时间为 YYYYMMDD_HHMMSS）与 ModelArts 的
    `results/{dataset}_{model}_{ts}.json`。
    """
    match = _NAME.fullmatch(path.stem.removesuffix(_ALL))
    if match is None:
        return None
    return Named(match["dataset"], match["model"], match["ts"], match["debug"] is not None)


def find_result(place: Path, since: float | None = None) -> Path:
    """`place` 是结果文件，或放着它们的目录（取最新的一份，JSON 优先）。

    `since`（Unix 秒）之前写的不算。找不到抛 InfrastructureError，说清找过哪里。
    """
    if place.is_file():
        return place
    found = [
        path
        for path in (place.rglob("*") if place.is_dir() else ())
        if path.suffix in {".json", ".html"}
        and not path.stem.endswith(_ALL)
        and parse_name(path) is not None
        and (since is None or path.stat().st_mtime >= since)
    ]
    if not found:
        when = "" if since is None else " that the runner wrote"
        message = (
            f"no simple-evals result{when} in {place}; expected a name like "
            "gpqa_MODEL_20260101_000000.json; set results in the accuracy profile"
        )
        raise InfrastructureError(message)
    return max(found, key=lambda path: (parse_name(path).ts, path.suffix == ".json", path.name))  # type: ignore[union-attr]


def read_result(path: Path, spec: AccuracySpec) -> tuple[Accuracy, list[Answer]]:
    """一份结果（连同它旁边的另一份）→ 结论与逐题的答；没有 HTML 时答为空。

    重复的遍数取 spec.n_repeats。读不懂、分数不在 0 到 1、两份对不上，抛 InfrastructureError。
    """
    data, page = path.with_suffix(".json"), path.with_suffix(".html")
    metrics = _metrics(data) if data.is_file() else None
    answers = _answers(page, spec.n_repeats) if page.is_file() else []
    if metrics is None and not answers:
        raise _unreadable(page, "no example with 'Correct Answer' and 'Extracted Answer' in it")
    named = parse_name(path)
    if answers:
        result = aggregate(answers, spec, exam_of(answers, PROMPT))
        if metrics is not None:
            _agree(path, metrics["score"], result.score)
    else:
        result = _only_totals(metrics or {}, spec)
    if metrics is not None:
        result = replace(
            result,
            std=metrics.get("score:std", result.std),
            mean_chars=metrics.get("chars", result.mean_chars),
            std_chars=metrics.get("chars:std", result.std_chars),
        )
    debug = spec.debug if named is None else named.debug
    shown = answers if spec.include_questions else [withhold(answer) for answer in answers]
    return replace(result, source=SOURCE, debug=debug), shown


def _metrics(path: Path) -> dict[str, float]:
    """JSON 里的数；`score`（或 f1_score）必须在 0 到 1 之间。"""
    try:
        body = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(path, f"not JSON ({type(error).__name__})") from error
    numbers = {
        str(name): float(value)
        for name, value in (body.items() if isinstance(body, dict) else ())
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }
    if "score" not in numbers and "f1_score" in numbers:
        numbers["score"] = numbers["f1_score"]
    if not 0 <= numbers.get("score", -1.0) <= 1:
        raise _unreadable(path, "no 'score' between 0 and 1 in it")
    return numbers


def _answers(path: Path, repeats: int) -> list[Answer]:
    """HTML 里逐题的答，次序同文件；`example` 按整表重复 `repeats` 遍算。"""
    try:
        text = path.read_text("utf-8", errors="replace")
    except OSError as error:
        raise _unreadable(path, error.strerror or type(error).__name__) from error
    page = Page()
    page.feed(text)
    page.close()
    size = len(page.examples)
    examples = size // repeats if size and size % repeats == 0 else size
    return [_answer(n, examples, example) for n, example in enumerate(page.examples)]


def _answer(index: int, examples: int, shown: Example) -> Answer:
    """页面上的一题 → 一次作答；得分以页面写的为准。"""
    letter = None if shown.extracted in {"", "None"} else shown.extracted
    if shown.score == 0 and letter == shown.correct:
        letter = None
    answer = Answer(
        index=index,
        example=index % examples,
        repeat=index // examples,
        correct=shown.correct,
        prompt=shown.said.get("user", ""),
        reply=shown.said.get("assistant", ""),
        reasoning="",
        simple_evals=letter,
        robust=extract_robust(shown.said.get("assistant", "")),
        finish_reason=None,
        prompt_tokens=None,
        completion_tokens=None,
        duration_s=0.0,
        attempts=1,
        chars=len(shown.said.get("assistant", "")),
    )
    return replace(answer, kind=kind_of(answer))


def _only_totals(metrics: dict[str, float], spec: AccuracySpec) -> Accuracy:
    """只有 JSON：分数在，题次数只从档位知道（抽了几题 × 几遍），区间便宽到头。"""
    size = (spec.num_examples or 0) * spec.n_repeats
    low, high = interval(metrics["score"], 0.0, spec.num_examples or 0)
    empty = aggregate([], spec, exam_of([], PROMPT))
    return replace(
        empty,
        n=size,
        examples=spec.num_examples or 0,
        score=metrics["score"],
        robust_score=metrics["score"],
        low=low,
        high=high,
        valid=True,
        errors=(),
        error_ratio=0.0,
    )


def _agree(path: Path, total: float, counted: float) -> None:
    """JSON 的总分与 HTML 逐题数出来的一致。"""
    if abs(total - counted) > _TOLERANCE:
        message = (
            f"its score is {total:.6f}, the examples in the .html beside it give {counted:.6f}"
        )
        raise _unreadable(path, message)


def _unreadable(path: Path, why: str) -> InfrastructureError:
    """读不懂一份结果。"""
    message = f"{path}: not a simple-evals result: {why}; set results in the accuracy profile"
    return InfrastructureError(message)
