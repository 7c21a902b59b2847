"""体检里关于网络与集群的判断；这里不碰网络。"""

from types import SimpleNamespace

import pytest

from rayeval.doctor import cluster, network
from rayeval.doctor.finding import State, split_mend
from rayeval.doctor.scene import Scene
from rayeval.errors import ClusterError

PROXY = "http://someone:hush-hush@proxy.example:3128"


@pytest.mark.parametrize(
    ("env", "state"),
    [
        ({}, State.OK),
        ({"HTTP_PROXY": PROXY}, State.WARN),
        ({"https_proxy": PROXY, "NO_PROXY": "localhost"}, State.WARN),
        ({"HTTP_PROXY": PROXY, "NO_PROXY": "127.0.0.1, localhost"}, State.OK),
        ({"ALL_PROXY": PROXY, "no_proxy": "*"}, State.OK),
    ],
)
def test_a_proxy_before_loopback_is_told_without_its_password(env, state):
    told = network.proxies(env, {})
    assert told.state is state
    assert "hush-hush" not in told.seen + told.mend


def test_a_proxy_before_a_service_under_load_is_a_failure():
    told = network.proxies({"http_proxy": PROXY}, {"far": "http://far.example:8000/v1"})
    assert told.state is State.FAIL
    assert "far: http_proxy would put a proxy" in told.seen
    assert "NO_PROXY" in told.mend
    assert "hush-hush" not in told.seen + told.mend


@pytest.mark.parametrize(
    ("address", "env", "words"),
    [
        (None, {}, "none asked for"),
        (None, {"RAY_ADDRESS": "10.0.0.1:6379"}, "--address auto"),
        ("inline", {}, "none needed"),
        ("local", {}, "embeds its own"),
    ],
)
def test_without_an_address_no_cluster_is_asked(address, env, words):
    def survey(*_):
        raise AssertionError

    told = cluster.check_cluster(Scene(address=address, env=env), survey)
    assert told.state is State.SKIP
    assert words in told.seen


def test_a_cluster_that_refuses_is_a_failure_with_its_mend():
    def survey(address, _limit):
        raise ClusterError(f"no Ray cluster answers at {address}; start one")

    told = cluster.check_cluster(Scene(address="auto"), survey)
    assert (told.state, told.mend) == (State.FAIL, "start one")


@pytest.mark.parametrize(
    ("changes", "state", "words"),
    [
        ({}, State.OK, "2 nodes: 8 CPU, 1 GPU, 16 Ascend"),
        ({"ray": "2.55.0"}, State.FAIL, "the cluster runs Ray 2.55.0, here is 2.60.0"),
        ({"python": "3.12.1"}, State.FAIL, "the cluster runs Python 3.12.1, here is 3.11.7"),
        ({"ray": "", "python": ""}, State.OK, "2 nodes"),
        ({"nodes": ()}, State.OK, "answers"),
    ],
)
def test_another_version_on_the_cluster_is_a_failure(changes, state, words):
    resources = {"CPU": 8.0, "GPU": 1.0, "memory": 1e9, "Ascend": 16.0}
    seen = {"nodes": ("a", "b"), "resources": resources, "ray": "2.60.0", "python": "3.11.7"}
    told = cluster.cluster(SimpleNamespace(**(seen | changes)), "2.60.0", "3.11.7", "")
    assert told.state is state
    assert words in told.seen


def test_the_token_is_mentioned_and_never_said():
    env = {"RAY_AUTH_TOKEN": "hush-hush"}
    found = SimpleNamespace(nodes=("a",), resources={"CPU": 1.0}, ray="", python="")
    told = cluster.check_cluster(Scene(address="auto", env=env), lambda *_: found)
    assert "RAY_AUTH_TOKEN" in told.seen
    assert "hush-hush" not in told.seen


@pytest.mark.parametrize(
    ("message", "halves"),
    [
        ("no file; name one; or two", ("no file", "name one; or two")),
        ("x is not there: put it there", ("x is not there", "put it there")),
        ("http://host:1: refused", ("http://host:1: refused", "")),
    ],
)
def test_a_message_is_cut_before_its_mend(message, halves):
    assert split_mend(message) == halves


def test_no_gateway_and_no_configuration_are_skipped():
    assert network.check_pushgateway(Scene()).state is State.SKIP
    assert network.check_kubernetes(Scene()).state is State.SKIP


def test_a_gateways_url_that_is_none_is_told_without_its_value():
    told = network.check_pushgateway(Scene(env={"PROM_PUSHGATEWAY_URL": "ftp://a:hush-hush@b"}))
    assert told.state is State.FAIL
    assert "hush-hush" not in told.seen + told.mend
