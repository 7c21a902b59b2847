"""外壳一步的故障：编号、角色、用量、收场块、对数概率、[DONE]。"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rayeval.mock.call import Call
from rayeval.mock.faults.fault import Document, Rewriter

Json = dict[str, Any]
Rewrite = Callable[[Call], Rewriter]
_ERROR = {"message": "the engine failed in the middle", "type": "InternalServerError"}
_AFTER = 2


def each(change: Callable[[Json], None], *, stream: bool | None = None) -> Rewrite:
    """就地改每一份 JSON；`stream` 限定只改流式的或一次性的。"""

    def rewrite(call: Call) -> Rewriter:
        """与请求无关的改写者。"""

        def one(document: Document) -> list[Document]:
            """改一份。"""
            if document is not None and stream in {None, call.stream}:
                change(document)
            return [document]

        return one

    return rewrite


def choices(document: Json) -> Iterator[tuple[Json, Json]]:
    """各候选与它的内容（delta 或 message；旧接口就是它自己）。"""
    for choice in document.get("choices", []):
        yield choice, choice.get("delta") or choice.get("message") or choice


def without(*names: str) -> Callable[[Json], None]:
    """内容里少几个字段。"""

    def change(document: Json) -> None:
        """逐个候选去掉。"""
        for choice, carrier in choices(document):
            for name in names:
                carrier.pop(name, None)
                choice.pop(name, None)

    return change


def without_usage(document: Json) -> None:
    """没有用量。"""
    document.pop("usage", None)


def usage(change: Callable[[Json], Json]) -> Callable[[Json], None]:
    """用量里的几项换成 `change` 给的，总数不跟着变（要变由它自己给）。"""

    def one(document: Json) -> None:
        """有用量才改。"""
        if document.get("usage"):
            document["usage"] |= change(document["usage"])

    return one


def usage_per_chunk(call: Call) -> Rewriter:
    """completion_tokens 数的是块数：角色块、收场块都算上；非流式不犯。"""
    count = 0

    def one(document: Document) -> list[Document]:
        """数一块；到用量那块就写上。"""
        nonlocal count
        if document is not None and call.stream:
            count += bool(document["choices"])
            _per_chunk(document, count)
        return [document]

    return one


def _per_chunk(document: Json, count: int) -> None:
    """以块数为用量。"""
    if document.get("usage"):
        total = document["usage"]["prompt_tokens"] + count
        document["usage"] |= {"completion_tokens": count, "total_tokens": total}


def id_changes(_call: Call) -> Rewriter:
    """每一块一个 id。"""
    count = 0

    def one(document: Document) -> list[Document]:
        """换一个编号。"""
        nonlocal count
        count += 1
        return [document if document is None else document | {"id": f"{document['id']}-{count}"}]

    return one


def done_missing(_call: Call) -> Rewriter:
    """流完了没有 [DONE]。"""
    return lambda document: [] if document is None else [document]


def error_after_200(call: Call) -> Rewriter:
    """200 之后送来错误对象，就此打住；一次性的整个是错误对象。"""
    kept = _AFTER if call.stream else 0
    count = 0

    def one(document: Document) -> list[Document]:
        """头几份照发，下一份是错误，其余不发。"""
        nonlocal count
        count += 1
        if count <= kept:
            return [document]
        return [{"error": _ERROR}] if count == kept + 1 else []

    return one


def finish_repeated(document: Json) -> None:
    """每一块都写着收场的原因。"""
    for choice, _ in choices(document):
        choice["finish_reason"] = choice["finish_reason"] or "stop"


def finish_missing(document: Json) -> None:
    """收场的原因总是 null。"""
    for choice, _ in choices(document):
        choice["finish_reason"] = None


def text_after_finish(document: Json) -> None:
    """收场块里还带着正文。"""
    for choice, carrier in choices(document):
        if choice["finish_reason"]:
            carrier["content" if "delta" in choice else "text"] = "More."


def index_constant(document: Json) -> None:
    """各候选的 index 都是 0。"""
    for choice, _ in choices(document):
        choice["index"] = 0


def kind_wrong(document: Json) -> None:
    """object 写成别的种类。"""
    document["object"] = f"{document['object']}.v2"


def call_fields(change: Callable[[Json], None]) -> Callable[[Json], None]:
    """改每次工具调用的字段。"""

    def one(document: Json) -> None:
        """逐个调用。"""
        for _, carrier in choices(document):
            for part in carrier.get("tool_calls") or []:
                change(part)

    return one


def type_missing(part: Json) -> None:
    """工具调用没有 type。"""
    part.pop("type", None)


def arguments_as_object(part: Json) -> None:
    """arguments 是对象，不是文本。"""
    part["function"]["arguments"] = {"city": "Paris"}


def logprobs(change: Callable[[Json], None]) -> Callable[[Json], None]:
    """改 chat 的每一项对数概率。"""

    def one(document: Json) -> None:
        """逐项。"""
        for choice, _ in choices(document):
            for entry in (choice.get("logprobs") or {}).get("content") or []:
                change(entry)

    return one


def reasoning_uncounted(usage: Json) -> Json:
    """completion_tokens 里没有推理的词元。"""
    details = usage.get("completion_tokens_details") or {}
    spent = details.get("reasoning_tokens", 0)
    left = max(1, usage["completion_tokens"] - spent)
    return {"completion_tokens": left, "total_tokens": usage["prompt_tokens"] + left}


def reasoning_over(usage: Json) -> Json:
    """推理的词元数超过输出的总数。"""
    if not usage.get("completion_tokens_details"):
        return {}
    return {"completion_tokens_details": {"reasoning_tokens": usage["completion_tokens"] + 1}}
