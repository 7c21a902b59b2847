"""推送的配置：地址的写法、凭证从哪来、密钥藏好没有。"""

import pytest
from pydantic import SecretStr, ValidationError

from rayeval.domain.push import PushSpec


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://gw:9091", "http://gw:9091"),
        ("gw:9091", "http://gw:9091"),
        (" https://gw/ ", "https://gw"),
        ("http://gw:9091/metrics/", "http://gw:9091"),
        ("http://proxy/push/metrics", "http://proxy/push"),
        ("http://[::1]:9091", "http://[::1]:9091"),
        ("", None),
    ],
)
def test_the_url_is_read_as_people_write_it(written, meant):
    assert PushSpec(url=written).url == meant


@pytest.mark.parametrize(
    "written", ["ftp://gw", "http://", "http://gw:99999", "http://gw?token=s3cret-token", "://x"]
)
def test_a_url_that_is_no_gateway_is_refused(written):
    with pytest.raises(ValidationError, match="Pushgateway"):
        PushSpec(url=written)


@pytest.mark.parametrize("url", ["http://ci:p%40ss-word@gw:9091", "ci:p%40ss-word@gw:9091"])
def test_a_password_in_the_url_moves_out_of_it(url):
    spec = PushSpec(url=url)
    assert spec.url == "http://gw:9091"
    assert spec.username == "ci"
    assert spec.password == SecretStr("p@ss-word")
    assert "ss-word" not in repr(spec) + spec.model_dump_json()


def test_what_is_written_wins_over_the_url_and_over_the_environment():
    env = {
        "PROM_PUSHGATEWAY_URL": "http://env:envpass@elsewhere:9091",
        "PROM_PUSHGATEWAY_USERNAME": "env2",
        "PROM_PUSHGATEWAY_PASSWORD": "env-password",
    }
    written = PushSpec(url="http://a:b@gw", username="me").with_environment(env)
    assert (written.url, written.username) == ("http://gw", "me")
    assert written.password == SecretStr("b")
    empty = PushSpec().with_environment(env)
    assert empty.url == "http://elsewhere:9091"
    assert empty.username == "env2"
    assert empty.password == SecretStr("env-password")


def test_nothing_in_the_environment_leaves_no_gateway():
    assert PushSpec().with_environment({"PROM_PUSHGATEWAY_URL": " "}).url is None


@pytest.mark.parametrize("prefix", ["1x", "a-b", "a:b", "é"])
def test_a_prefix_that_no_metric_may_have_is_refused(prefix):
    with pytest.raises(ValidationError):
        PushSpec(prefix=prefix)


def test_a_proxy_is_a_url_and_its_password_a_secret():
    with pytest.raises(ValidationError, match="write the proxy as") as caught:
        PushSpec(proxy=SecretStr("socks5://u:hunter2-hunter2@x"))
    assert "hunter2" not in str(caught.value)
    spec = PushSpec(proxy=SecretStr("http://u:hunter2-hunter2@x:3128"), token=SecretStr("t0ken"))
    assert {"hunter2-hunter2", "t0ken"} < set(spec.secrets)
    assert PushSpec(proxy=SecretStr("")).proxy is None
