"""起飞前的核对：差在哪个节点、哪一项，修法是什么。"""

import pytest

from rayeval.errors import ClusterError, UsageError
from rayeval_actors.knock import explain
from rayeval_actors.preflight import _compare, digest
from rayeval_actors.session import _is_loopback, locate, session


@pytest.mark.parametrize(
    ("position", "word"),
    [(0, "source"), (1, "Python"), (2, "Ray")],
    ids=["source", "python", "ray"],
)
def test_difference_names_node_and_item(position, word):
    ours = digest()
    theirs = tuple("other" if n == position else value for n, value in enumerate(ours))
    with pytest.raises(ClusterError, match=rf"node 10\.0\.0\.7 has {word} other.*--ship source"):
        _compare("10.0.0.7", theirs, ours)


def test_same_everything_passes():
    _compare("10.0.0.7", digest(), digest())


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("local", None),
        ("10.0.0.1:6379", ("10.0.0.1", 6379)),
        ("[::1]:6379", ("::1", 6379)),
        ("head.example:1", ("head.example", 1)),
    ],
)
def test_address_is_taken_apart(address, found):
    assert locate(address) == found


@pytest.mark.parametrize("address", ["loacl", "ray://head:10001", "host:", ":1", "a:b"])
def test_bad_address_is_a_usage_error(address):
    with pytest.raises(UsageError, match="HOST:PORT"):
        locate(address)


def test_auto_reads_what_ray_start_left(tmp_path, monkeypatch):
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert locate("auto") is None
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:6379")
    assert locate("auto") == ("127.0.0.1", 6379)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:7000")
    assert locate("auto") == ("10.0.0.1", 7000)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("10.1.1.1", False)],
)
def test_loopback(host, loopback):
    assert _is_loopback(host) is loopback


def test_refused_token_says_where_the_token_goes():
    assert "RAY_AUTH_TOKEN" in explain("auto", RuntimeError("invalid auth token"))


def test_unknown_ship_is_refused_before_anything():
    with pytest.raises(UsageError, match="installed, source"), session("local", ship="boat"):
        pass


WARNED = "WARNING setup.py:85 -- Token authentication is enabled for this Ray cluster.\n"
RAISED = 'Traceback (most recent call last):\n  File "a.py", line 1\nConnectionError: '


def test_a_warning_about_tokens_is_not_a_refusal():
    told = explain("auto", ConnectionError(WARNED + RAISED + "Could not find any Ray instance."))
    assert "no Ray cluster answers at --address auto: ConnectionError: Could not find any" in told


def test_a_refusal_for_want_of_a_token_says_how_to_give_one():
    told = explain("auto", ConnectionError(RAISED + "Unauthenticated: InvalidAuthToken"))
    assert "refused us: it wants a token" in told
