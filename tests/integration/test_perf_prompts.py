"""校准对着内置服务：它报的 prompt_tokens 就是要的长度，而且很快问完。"""

import json
import socket
from urllib.parse import urlsplit

import pytest

from rayeval.client.openai import OpenAIClient
from rayeval.domain.load import Share
from rayeval.domain.perf import PerfSpec
from rayeval.domain.schedule import Slice
from rayeval.perf.calibration import plan_prompts, settle
from rayeval.perf.target import RequestWriter

LENGTHS = (16, 32, 64, 128, 512, 2048)


def usage_of(url, payload):
    """原样发出请求字节，读到服务关上，返回用量。"""
    parts = urlsplit(url)
    payload = payload.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as wire:
        wire.sendall(payload)
        answer = b"".join(iter(lambda: wire.recv(65536), b""))
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200"), answer
    return json.loads(body[body.index(b"{") : body.rindex(b"}") + 1])["usage"]


@pytest.mark.parametrize("backend", ["openai-chat", "openai"])
@pytest.mark.parametrize("shared", [0, 10])
def test_the_service_counts_the_tokens_asked_for(start_mock, backend, shared):
    service = start_mock()
    spec = PerfSpec(
        input_length=LENGTHS,
        output_length=(3,),
        concurrency=(2,),
        backend=backend,
        stream=False,
        shared_prefix=shared,
    )
    with OpenAIClient(service.endpoint, keepalive=False) as client:
        spec = settle(client, spec, "max_tokens")
        source, plans = plan_prompts(client, spec, "max_tokens", "run")
    assert source == "tokenize"
    for cell in spec.cells():
        share = Share(
            service.endpoint,
            cell,
            spec,
            Slice(spec.schedule(2), 0, 1),
            epoch=0,
            salt="run/cell",
            prompt_plan=plans[cell.input_length],
        )
        writer = RequestWriter(share)
        for index in (0, 1, 17):
            usage = usage_of(service.base_url, writer.write("measured", index, f"r{index}"))
            achieved = usage["prompt_tokens"]
            assert abs(achieved - cell.input_length) <= max(1, 0.01 * cell.input_length)
            assert usage["completion_tokens"] == 3


def test_calibration_asks_little_and_leaves_the_context_limit_alone(start_mock):
    service = start_mock("--max-model-len", "600")
    spec = PerfSpec(input_length=(128, 599, 4096), output_length=(1,), concurrency=(1,))
    with OpenAIClient(service.endpoint, keepalive=False) as client:
        source, plans = plan_prompts(client, spec, "max_tokens", "run")
    assert source == "tokenize"
    assert None not in plans.values()
    assert service.stats()["issued"] == 4
