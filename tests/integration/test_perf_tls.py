"""热路径的 TLS：总是验证；自己的 CA 经 SSL_CERT_FILE；定义与明文时一样。"""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import pytest

from tests.integration.conftest import reap, run_guarded, share_of
from tests.integration.scripted import (
    CHUNKED,
    DONE,
    END,
    OK,
    chunk,
    delta,
    healthy,
    sized,
    stream,
    usage,
)

pytestmark = pytest.mark.solo

EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
A, STOP = delta(content="a"), delta("stop")


def openssl(*argv: str) -> None:
    """跑一次 openssl；没有它就通不过，而不是跳过。"""
    found = shutil.which("openssl")
    assert found, "these tests make their certificates with the openssl command; install it"
    subprocess.run([found, *argv], check=True, capture_output=True, timeout=60)


@dataclass(frozen=True)
class Paper:
    """一份证书、它的私钥与签发它的 CA。"""

    certificate: Path
    key: Path
    ca: Path

    @property
    def context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_ca(folder: Path, name: str) -> Path:
    """一个自签的 CA。"""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    subject = ["-subj", f"/CN={name}", "-days", "2"]
    openssl("req", "-x509", *EC, *subject, "-keyout", str(key), "-out", str(certificate))
    return certificate


def make_paper(folder: Path, ca: Path, name: str, san: str) -> Paper:
    """由 `ca` 签的一份服务证书。"""
    certificate, key, wish, extra = (folder / f"{name}.{end}" for end in ("pem", "key", "csr", "x"))
    openssl("req", *EC, "-subj", f"/CN={name}", "-keyout", str(key), "-out", str(wish))
    extra.write_text(f"subjectAltName={san}\n", encoding="ascii")
    openssl(
        *("x509", "-req", "-in", str(wish), "-CA", str(ca), "-CAkey", str(ca.with_suffix(".key"))),
        *("-CAcreateserial", "-days", "2", "-extfile", str(extra), "-out", str(certificate)),
    )
    return Paper(certificate, key, ca)


@dataclass(frozen=True)
class Office:
    """三份证书：好的、名字不对的、别的 CA 签的。"""

    good: Paper
    misnamed: Paper
    foreign: Paper


@pytest.fixture(scope="module")
def office(tmp_path_factory) -> Office:
    folder = tmp_path_factory.mktemp("tls")
    ours, theirs = make_ca(folder, "ours"), make_ca(folder, "theirs")
    return Office(
        make_paper(folder, ours, "good", "IP:127.0.0.1,DNS:localhost"),
        make_paper(folder, ours, "misnamed", "DNS:elsewhere.test"),
        make_paper(folder, theirs, "foreign", "IP:127.0.0.1,DNS:localhost"),
    )


@pytest.fixture
def trusting(office, monkeypatch) -> Office:
    """我们信自己的 CA。"""
    monkeypatch.setenv("SSL_CERT_FILE", str(office.good.ca))
    return office


def test_our_own_ca_is_enough_and_connections_are_kept(measure, trusting):
    found = measure(lambda ask: healthy(), tls=trusting.good.context, permits=3, number=12)
    assert found.classes == [None] * 12
    assert {row["completion_tokens"] for row in found.rows} == {3}
    assert (found.server.connections, found.haul.health.connections_opened) == (3, 3)
    assert sum(row["connection_reused"] for row in found.rows) == 9


def test_a_name_is_verified_as_well_as_an_address(measure, scripted, trusting):
    server = scripted(lambda ask: healthy(), tls=trusting.good.context)
    url = server.base_url.replace("127.0.0.1", "localhost")
    found = measure(server, base_url=url, number=2)
    assert found.classes == [None, None]
    assert found.server.asks[0].header("host") == [f"localhost:{server.port}"]


def refused(found, number: int) -> None:
    """一个请求也没有发出去，每行都说是 TLS。"""
    assert [row["error_class"] for row in found.rows] == ["connect"] * number
    assert found.server.asks == []
    for row in found.rows:
        assert "TLS" in row["error_message"]
        assert f"127.0.0.1:{found.server.port}" in row["error_message"]
        assert row["http_status"] is None
    assert (found.summary.failed, found.summary.qps) == (number, 0)


@pytest.mark.parametrize("paper", ["good", "foreign"])
def test_an_unknown_ca_is_refused_and_the_message_names_the_mend(
    measure, office, monkeypatch, paper
):
    if paper == "foreign":  # 信着一个 CA，来的是另一个签的
        monkeypatch.setenv("SSL_CERT_FILE", str(office.good.ca))
    context = getattr(office, paper).context
    found = measure(lambda ask: healthy(), tls=context, permits=2, number=4)
    refused(found, 4)
    assert all("SSL_CERT_FILE" in row["error_message"] for row in found.rows)


def test_a_certificate_for_another_host_is_refused(measure, trusting):
    found = measure(lambda ask: healthy(), tls=trusting.misnamed.context, number=3)
    refused(found, 3)
    assert all("127.0.0.1" in row["error_message"] for row in found.rows)


def test_plain_http_where_tls_is_due_is_a_connect_failure(measure, scripted, trusting):
    server = scripted(lambda ask: healthy())
    found = measure(server, base_url=server.base_url.replace("http", "https"), number=2)
    assert found.classes == ["connect"] * 2
    assert all("TLS" in row["error_message"] for row in found.rows)


def test_tls_where_plain_http_is_due_is_no_crash(measure, scripted, trusting):
    server = scripted(lambda ask: healthy(), tls=trusting.good.context)
    found = measure(server, base_url=server.base_url.replace("https", "http"), number=2)
    assert set(found.classes) <= {"reset", "bad_http"}


def test_a_handshake_that_hangs_is_within_the_connect_limit(loader, trusting):
    with socket.create_server(("127.0.0.1", 0), backlog=16) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/v1"
        share = share_of(url, permits=1, number=2, timeout_s=2, connect_timeout_s=0.25)
        worker, begin = loader(), perf_counter()
        worker.prepare(share)
        found = reap(worker, share, None, run_guarded(worker))
        worker.close()
    assert perf_counter() - begin < 2
    for row in found.rows:
        assert row["error_class"] in ("connect", "timeout")
        assert "0.25 s" in row["error_message"]


def test_times_are_as_true_as_in_the_clear(measure, trusting):
    steps = stream(0.05, delta(role="assistant"), 0.1, delta(content="first"), 0.05, A)
    steps = [*steps[:-1], *stream(0.05, STOP, usage(2), DONE)[1:]]
    found = measure(steps, tls=trusting.good.context, number=2)
    for row in found.rows:
        ask = found.ask(row)
        assert row["error_class"] is None
        for name, mark in (("ttfb_s", b"assistant"), ("ttft_s", b"first"), ("e2e_s", b"[DONE]")):
            assert -0.002 < row[name] - ask.at(mark) < 0.06, name
        assert row["itl_s"] == [pytest.approx(0.05, abs=0.03)]


def test_events_over_many_records_and_many_events_in_one(measure, trusting):
    long = delta(content="长" * 30_000)
    body = CHUNKED + b"".join(map(chunk, [A, long, A, STOP, usage(3), DONE])) + END
    drip = [body[n : n + 999] for n in range(0, len(body), 999)]
    found = measure(
        lambda ask: [body] if ask.order % 2 else drip, tls=trusting.good.context, number=4
    )
    assert found.classes == [None] * 4
    assert {row["token_events"] for row in found.rows} == {3}


FAULTS = {
    "reset after a token": (stream(A, 0.02, "reset"), {"reset"}),
    "closed after a token": (stream(A, "close"), {"incomplete", "reset"}),
    "hangs after a token": (stream(A, "hang"), {"timeout"}),
    "closed in mid-chunk": ([CHUNKED + chunk(A)[:-9], "close"], {"incomplete", "reset"}),
    "closed before the head": (["close"], {"reset"}),
    "garbage": ([b"garbage\r\n\r\n", "hang"], {"bad_http"}),
    "until the goodbye": ([OK + b"\r\n" + A + STOP + DONE, 0.02, "bye"], {None}),
    "goodbye after a token": (stream(A, 0.02, "bye"), {"incomplete", "reset"}),
    "until the close": ([OK + b"\r\n" + A + STOP + DONE, "close"], {None}),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_have_their_class_and_the_cell_ends(measure, trusting, name):
    steps, expected = FAULTS[name]
    found = measure(
        lambda ask: steps if ask.order % 3 == 0 else healthy(),
        tls=trusting.good.context,
        permits=4,
        number=12,
        timeout_s=0.5,
    )
    assert {row["error_class"] for row in found.rows[::3]} <= expected
    assert {row["error_class"] for n, row in enumerate(found.rows) if n % 3} == {None}


def test_a_goodbye_in_the_same_segment_as_the_last_bytes_is_noticed(measure, trusting):
    # 告别与正文同到，TCP 却不关：不许等到时限
    steps = ["cork", OK + b"\r\n" + A + STOP + DONE, "bye"]
    found = measure(steps, tls=trusting.good.context, number=1, timeout_s=2)
    assert found.classes == [None]
    assert found.wall_s < 1.5


@pytest.mark.skipif(sys.platform != "linux", reason="kernel stamps are a matter of Linux")
@pytest.mark.parametrize("secure", [True, False])
def test_a_fresh_connection_has_the_kernels_clock_too(measure, trusting, secure):
    last = [sized(A + STOP + DONE, head=b"Connection: close\r\n"), "hang"]
    context = trusting.good.context if secure else None
    found = measure(last, tls=context, number=6, permits=2)
    assert found.classes == [None] * 6
    assert [row["clock"] for row in found.rows] == ["kernel"] * 6


@pytest.mark.parametrize("end", ["close", "reset"])
def test_a_kept_connection_that_ends_in_silence_is_asked_again_once(measure, trusting, end):
    found = measure(
        lambda ask: [end] if ask.turn == 1 else healthy(), tls=trusting.good.context, number=4
    )
    assert found.classes == [None] * 4
    assert [row["retries"] for row in found.rows] == [0, 1, 1, 1]
