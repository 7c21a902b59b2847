"""一次往返的定性：可用、被拒、服务不行，三者分得清。"""

from __future__ import annotations

import pytest

from rayeval.client.assemble import from_body, from_chunks
from rayeval.client.openai import parse
from rayeval.functional.exchange import TRIM_CHARS, Exchange, trim


def whole(status, text="{}"):
    body = parse(text)
    return Exchange(
        "POST", "/x", {}, False, status, text=text, body=body, completion=from_body(body)
    )


def streamed(*chunks):
    return Exchange(
        "POST", "/x", {}, True, 200, chunks=list(chunks), completion=from_chunks(chunks)
    )


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 502, 503, 504])
def test_service_that_cannot_answer_now_is_trouble_not_rejection(status):
    exchange = whole(status, '{"error": {"message": "tools is not supported"}}')
    assert exchange.trouble
    assert not exchange.rejected
    assert not exchange.ok


@pytest.mark.parametrize("status", [400, 404, 405, 413, 422])
def test_refused_request_is_rejection_not_trouble(status):
    exchange = whole(status, "nope")
    assert exchange.rejected
    assert not exchange.trouble
    assert exchange.error_message == "nope"


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        ({"message": "x", "code": 503}, 503),
        ({"message": "x", "code": "429"}, 429),
        ({"message": "x", "code": "rate_limit"}, 500),
        ({"message": "x", "code": None}, 500),
        ({"message": "x", "code": 400}, 400),
        ({"message": "x", "code": 200}, 500),
        ("overloaded", 500),
    ],
)
def test_error_event_after_200_counts_as_that_error(error, verdict):
    exchange = streamed({"choices": []}, {"error": error})
    assert exchange.verdict == verdict
    assert not exchange.ok
    assert exchange.error_message == (error if isinstance(error, str) else "x")


def test_error_object_in_a_whole_answer_of_200_is_no_success():
    assert not whole(200, '{"error": {"message": "x"}}').ok


def test_answer_of_200_that_is_no_json_is_no_success():
    assert not whole(200, "<html>").ok


def test_failed_transport_is_trouble():
    exchange = Exchange("POST", "/x", {}, False, failure="ReadError: reset")
    assert exchange.trouble == "ReadError: reset"
    assert exchange.came() == "ReadError: reset"


def test_trimmed_text_keeps_both_ends():
    text = "a" * TRIM_CHARS + "usage [DONE]"
    short = trim(text)
    assert len(short) < TRIM_CHARS + 60
    assert short.startswith("aaa")
    assert short.endswith("usage [DONE]")
    assert trim("short") == "short"
