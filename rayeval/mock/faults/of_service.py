"""故障表：校验、错误的写法、字节与连接。"""

from __future__ import annotations

from http import HTTPStatus

from rayeval.mock.faults import asks, checks, chunks, plans, wires
from rayeval.mock.faults.fault import Fault

_POISON = plans.Poison()
CHECKS: tuple[Fault, ...] = (
    Fault("range_unchecked", "values out of range are accepted", forgive=checks.accepts("range")),
    Fault("types_unchecked", "values of wrong types are accepted", forgive=checks.accepts("type")),
    Fault(
        "shapes_unchecked",
        "malformed and missing fields are accepted",
        forgive=checks.accepts_shapes,
    ),
    Fault("model_unchecked", "an unknown model is answered", forgive=checks.accepts("model")),
    Fault(
        "context_cut", "what overflows the context is cut silently", forgive=checks.cuts_overflow
    ),
    Fault("edges_refused", "the ends of ranges are refused", ask=asks.edges_refused),
    Fault("nulls_refused", "a null parameter is refused", ask=asks.nulls_refused),
    Fault(
        "lists_refused",
        "a list for stop or content is refused",
        ask=asks.lists_refused,
    ),
    Fault(
        "unicode_stop_refused",
        "a stop sequence that is not ASCII is refused",
        ask=asks.unicode_refused,
    ),
)

ERRORS: tuple[Fault, ...] = (
    Fault(
        "error_500",
        "500 for what should be 400",
        refusal=checks.rewritten(dict, status=HTTPStatus.INTERNAL_SERVER_ERROR),
    ),
    Fault(
        "error_200",
        "an error object with the status 200",
        refusal=checks.rewritten(checks.without_field("code"), status=HTTPStatus.OK),
    ),
    Fault(
        "error_plain",
        "an error is plain text",
        refusal=checks.rewritten(lambda _: b"Bad Request", kind="text/plain"),
    ),
    Fault("error_blank", "an error has no body", refusal=checks.rewritten(lambda _: b"")),
    Fault(
        "error_untyped",
        "an error object has no type",
        refusal=checks.rewritten(checks.without_field("type")),
    ),
    Fault(
        "error_flat",
        "an error's message is not in an error object",
        refusal=checks.rewritten(lambda body: body["error"]),
    ),
)

WIRES: tuple[Fault, ...] = (
    Fault(
        "error_after_200",
        "an error object in the stream, after the status 200",
        rewrite=chunks.error_after_200,
        blunt=True,
    ),
    Fault("content_type_wrong", "every answer is text/plain", sink=wires.plain),
    Fault(
        "json_garbled",
        "every JSON document lacks its last bracket",
        sink=wires.whole(wires.garbled),
        blunt=True,
    ),
    Fault("empty_200", "200 with an empty body", sink=wires.whole(lambda _: b""), blunt=True),
    Fault(
        "gzip_unannounced",
        "a gzip body without Content-Encoding",
        sink=wires.whole(wires.compressed),
        blunt=True,
    ),
    Fault(
        "connection_reset", "the connection is reset in the middle", sink=wires.reset, blunt=True
    ),
    Fault("hang", "no byte comes", plan=plans.hanging, blunt=True),
    Fault(
        "stall", "the stream stops after two tokens, still open", plan=plans.stalling, blunt=True
    ),
    Fault("slow_drip", "one token in three seconds", plan=plans.dripping(3.0), blunt=True),
    Fault(
        "http_503",
        "503, overloaded",
        ask=asks.unavailable(HTTPStatus.SERVICE_UNAVAILABLE),
        blunt=True,
    ),
    Fault(
        "http_429",
        "429, too many requests",
        ask=asks.unavailable(HTTPStatus.TOO_MANY_REQUESTS),
        blunt=True,
    ),
    Fault("dies", "the process dies when it should answer", sink=wires.dying, blunt=True),
    Fault(
        "blank_when_left",
        "once a client has left in mid-stream, the next answer is blank",
        plan=_POISON.plan,
        left=_POISON.left,
    ),
    Fault(
        "dies_when_left",
        "the process dies when a client leaves in mid-stream",
        plan=plans.LEAVABLE,
        left=wires.die,
        blunt=True,
    ),
)
