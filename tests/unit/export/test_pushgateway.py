"""网关的种种：不在、慢、先 500 后 200、400、要密码、跳转、涓涓细流；密钥哪里都不出现。"""

import base64

import httpx
import pytest
from pydantic import SecretStr

from rayeval.domain.push import PushSpec
from rayeval.errors import PushError
from rayeval.export.exposition import Group
from rayeval.export.pushgateway import Pushgateway, group_path, opened

PASSWORD = "swordfish-77"
PAIR = base64.b64encode(f"ci:{PASSWORD}".encode()).decode()
KEY = {"job": "rayeval", "scenario": "a", "model": "m"}
SPEC = PushSpec(url="http://gw:9091", username="ci", password=SecretStr(PASSWORD))
GROUPS = [Group({**KEY, "scenario": name}, b"x 1\n", 1) for name in "abc"]


class Time:
    """一口自己走的钟：睡多久就走多久。"""

    def __init__(self):
        self.now = 100.0
        self.slept = []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


def gateway(handler, time=None, spec=SPEC):
    time = time or Time()
    client = httpx.Client(transport=httpx.MockTransport(handler))
    return Pushgateway(spec, client, sleep=time.sleep, clock=lambda: time.now)


def script(*answers):
    """依次作答；最后一个答到底。"""
    seen = []

    def handler(request):
        seen.append(request)
        answer = answers[min(len(seen), len(answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        status, text = answer
        return httpx.Response(status, text=text)

    return handler, seen


def test_500_twice_and_then_200_is_pushed_and_the_waits_grow():
    handler, seen = script((500, "no"), (503, "no"), (200, ""))
    time = Time()
    (done,) = gateway(handler, time).push(GROUPS[:1])
    assert not done.error
    assert [request.method for request in seen] == ["PUT"] * 3
    assert seen[0].content == b"x 1\n"
    assert len(time.slept) == 2


def test_a_gateway_that_is_down_is_tried_a_while_and_the_other_groups_are_not():
    handler, seen = script(httpx.ConnectError("Connection refused"))
    done = gateway(handler).push(GROUPS)
    assert len(seen) == SPEC.attempts
    assert "Connection refused" in done[0].error
    assert "is the gateway up?" in done[0].error
    assert "http://gw:9091" in done[0].error
    assert [d.error for d in done[1:]] == ["not tried after that"] * 2


def test_a_slow_gateway_uses_up_its_limit_and_no_more():
    time = Time()

    def handler(request):
        time.now += 10
        raise httpx.ReadTimeout("slow", request=request)

    spec = SPEC.model_copy(update={"attempts": 100, "give_up_s": 35.0})
    (done,) = gateway(handler, time, spec).push(GROUPS[:1])
    assert "no answer within 10 s" in done.error
    assert time.now - 100 <= 46


def test_an_answer_that_trickles_is_given_up():
    time = Time()

    def drops():
        for _ in range(1000):
            time.now += 1
            yield b"x"

    def handler(_request):
        return httpx.Response(200, content=drops())

    spec = SPEC.model_copy(update={"attempts": 1})
    (done,) = gateway(handler, time, spec).push(GROUPS[:1])
    assert "no whole answer within 10 s" in done.error
    assert time.now < 120


def test_400_is_told_in_the_gateways_words_and_the_other_groups_are_pushed():
    handler, seen = script((400, "pushed metrics\nare inconsistent"), (200, ""))
    done = gateway(handler).push(GROUPS)
    assert "HTTP 400: pushed metrics are inconsistent" in done[0].error
    assert "push.prefix" in done[0].error
    assert [d.error for d in done[1:]] == ["", ""]
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("status", "mend"),
    [
        (401, "PROM_PUSHGATEWAY_PASSWORD"),
        (403, "push.username"),
        (404, "is that a Pushgateway"),
        (413, "see the gateway's log"),
        (302, "write that URL"),
    ],
)
def test_what_no_retry_mends_is_told_at_once(status, mend):
    handler, seen = script((status, "no"))
    done = gateway(handler).push(GROUPS)
    assert len(seen) == 1
    assert f"HTTP {status}" in done[0].error
    assert mend in done[0].error
    assert done[1].error == "not tried after that"


@pytest.mark.parametrize("status", [400, 401, 500])
def test_a_gateway_that_echoes_our_password_does_not_spread_it(status):
    handler, _ = script((status, f"you sent {PASSWORD} and Basic {PAIR}\x1b[31m" + "z" * 9999))
    done = gateway(handler).push(GROUPS[:1])
    assert PASSWORD not in done[0].error
    assert PAIR not in done[0].error
    assert "\x1b" not in done[0].error
    assert len(done[0].error) < 1000


def test_the_credentials_are_sent_and_only_in_the_header(httpx_seen):
    spec = PushSpec(url="http://ci:open-sesame@gw:9091")
    with opened(spec) as client:
        client.push(GROUPS[:1])
    (request,) = httpx_seen
    assert request.headers["Authorization"] == httpx.BasicAuth("ci", "open-sesame")._auth_header
    assert "open-sesame" not in str(request.url)
    with opened(PushSpec(url="http://gw", token=SecretStr("t0ken-t0ken"))) as client:
        client.push(GROUPS[:1])
    assert httpx_seen[-1].headers["Authorization"] == "Bearer t0ken-t0ken"


@pytest.fixture
def httpx_seen(monkeypatch):
    """真的客户端，假的网：记下每个请求。"""
    handler, seen = script((200, ""))
    transport = httpx.MockTransport(handler)
    monkeypatch.setattr(httpx.Client, "_transport_for_url", lambda *_: transport)
    return seen


@pytest.mark.parametrize(
    "proxy", ["socks5://u:hunter2-hunter2@x:1", "nonsense://u:hunter2-hunter2@x"]
)
def test_a_proxy_that_cannot_be_used_is_told_without_its_password(monkeypatch, proxy):
    monkeypatch.setenv("ALL_PROXY", proxy)
    with pytest.raises(PushError, match="ALL_PROXY") as caught, opened(PushSpec(url="http://gw")):
        pass
    assert "hunter2" not in str(caught.value)


def test_a_listing_that_is_no_listing_is_told():
    for text in ("<html>", "{}", '{"data": 3}', '{"data": [{"labels": 1}]}', "[]"):
        handler, _ = script((200, text))
        with pytest.raises(PushError, match="api/v1/metrics"):
            gateway(handler).retire("a", "rayeval")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("plain-1.0_x", "/metrics/job/j/model/plain-1.0_x"),
        ("a/b", "/metrics/job/j/model@base64/YS9i"),
        ("", "/metrics/job/j/model@base64/="),
        ("..", "/metrics/job/j/model@base64/Li4="),
        ("é", "/metrics/job/j/model@base64/w6k="),
    ],
)
def test_the_path_of_a_group_holds_any_value(value, path):
    assert group_path({"model": value, "job": "j"}) == path
