"""从测量到网关：每日自动推，失败可见、可重推，密钥在任何文件与输出里都没有。"""

import http.server
import json
import threading

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.domain.push import PushSpec
from rayeval.export.exposition import Group
from rayeval.publish import deliver

PASSWORD = "swordfish-0123456789"
PERF_ONLY = {"daily": {"stages": {"functional": False, "accuracy": False}}}


class Gateway(http.server.ThreadingHTTPServer):
    """照剧本作答的网关；最后一句答到底。"""

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.seen = []
        self.silent = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answers = self.server.answers
        status = answers[min(len(self.server.seen), len(answers) - 1)]
        self.server.seen.append((self.path, dict(self.headers), body))
        if status is None:  # 收下了，却不作声
            self.server.silent.wait()
            return
        words = f"sent {self.headers.get('Authorization')} {PASSWORD}".encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def log_message(self, *_args):
        pass


@pytest.fixture
def gateway():
    servers = []

    def start(*answers):
        server = Gateway(answers)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        servers.append((server, thread))
        return server

    yield start
    for server, thread in servers:
        server.silent.set()
        server.shutdown()
        thread.join()
        server.server_close()


ONE = [Group({"job": "j", "scenario": "one"}, b"x 1\n", 1)]


def test_a_gateway_that_says_nothing_is_tried_again_and_given_up(gateway):
    server = gateway(None)
    done = deliver(ONE, PushSpec(url=server.url, timeout_s=0.2, attempts=2))
    assert done.groups == 0
    assert "no answer within 0.2 s (2 tries in" in done.errors[0]
    assert len(server.seen) == 2


def test_a_gateway_that_is_not_there_is_told_with_its_address(gateway):
    server = gateway(200)
    server.server_close()
    done = deliver(ONE, PushSpec(url=server.url, attempts=2))
    assert server.url in done.errors[0]
    assert "refused" in done.errors[0]


def test_the_proxy_of_the_configuration_is_used_and_its_password_kept(gateway):
    server = gateway(200, 502)
    proxy = SecretStr(server.url.replace("//", f"//me:{PASSWORD}@"))
    push = PushSpec(url="http://gateway.invalid:9091", proxy=proxy, attempts=1)
    assert not deliver(ONE, push).errors
    path, headers, _ = server.seen[0]
    assert path == "http://gateway.invalid:9091/metrics/job/j/scenario/one"
    assert "Proxy-Authorization" in headers
    refused = deliver(ONE, push)
    assert "HTTP 502" in refused.errors[0]
    assert PASSWORD not in refused.errors[0] + repr(push)


def everything_written(done):
    files = [path for path in done.artifacts.rglob("*") if path.is_file()]
    return b"".join(path.read_bytes() for path in files) + (done.out + done.err).encode()


def test_a_daily_run_is_pushed_past_two_500s_and_can_be_pushed_again(
    rayeval_run, config, make_scenario, gateway, monkeypatch
):
    server = gateway(500, 500, 200)
    monkeypatch.setenv("PROM_PUSHGATEWAY_URL", server.url.replace("//", f"//ci:{PASSWORD}@"))
    place = config(make_scenario("one", model="Org/Model"), scenarios={"one": PERF_ONLY})
    done = rayeval_run(place, "--address", "inline", "--run-type", "daily")
    assert done.code == 0, done.out + done.err
    assert f"metrics pushed to {server.url}: 1 group" in done.out
    assert "\x1b" not in done.out + done.err
    assert len(server.seen) == 3
    assert PASSWORD.encode() not in everything_written(done)
    ts = done.folder.name
    written = (done.artifacts / "metrics" / f"{ts}.prom").read_bytes()
    assert server.seen[-1][2] == written
    assert "/scenario/one/model@base64/T3JnL01vZGVs/" in server.seen[-1][0]
    assert b"ttft_seconds" in written

    again = CliRunner().invoke(cli, ["push", str(done.folder)])
    assert again.exit_code == 0, again.output
    assert server.seen[-1][2] == written

    (done.artifacts / "metrics" / f"{ts}.prom").unlink()
    lost = CliRunner().invoke(cli, ["push", str(done.folder)])
    assert lost.exit_code == 2
    assert "rayeval export" in lost.output
    csv = sorted(path for path in done.artifacts.rglob("*.csv"))
    before = {path: path.read_bytes() for path in csv}
    for path in csv:
        path.unlink()
    made = CliRunner().invoke(cli, ["export", str(done.folder)])
    assert made.exit_code == 0, made.output
    assert {path: path.read_bytes() for path in csv} == before
    names = {line.split(b"{")[0] for line in written.splitlines() if not line.startswith(b"#")}
    now = (done.artifacts / "metrics" / f"{ts}.prom").read_bytes()
    assert names == {line.split(b"{")[0] for line in now.splitlines() if line[:1] != b"#"}
    bom = CliRunner().invoke(
        cli, ["export", str(done.folder), "--format", "csv", "--bom", "--to", str(place / "x")]
    )
    assert bom.exit_code == 0, bom.output
    assert all(p.read_bytes().startswith(b"\xef\xbb\xbf") for p in (place / "x").rglob("*.csv"))


def test_a_push_that_is_refused_is_shown_and_fails_the_run_only_where_it_is_required(
    rayeval_run, config, make_scenario, gateway
):
    server = gateway(401)
    push = {"url": server.url, "username": "ci", "password": PASSWORD, "required": True}
    place = config(make_scenario("one"), scenarios={"one": PERF_ONLY}, push=push)
    done = rayeval_run(place, "--address", "inline", "--run-type", "daily")
    assert done.code == 3, done.out + done.err
    assert "push failed: one: " in done.out
    assert "HTTP 401" in done.out
    assert f"push again with: rayeval push {done.folder}" in done.out
    assert PASSWORD.encode() not in everything_written(done)
    assert (done.artifacts / "metrics" / f"{done.folder.name}.prom").is_file()

    told = CliRunner().invoke(cli, ["push", str(done.folder), "--config", str(place), "--json"])
    assert told.exit_code == 3
    assert json.loads(told.output)["groups"] == 0
    assert PASSWORD not in told.output
    count = len(server.seen)
    dry = CliRunner().invoke(cli, ["push", str(done.folder), "--config", str(place), "--dry-run"])
    assert dry.exit_code == 0
    assert dry.output.startswith(f"PUT {server.url}/metrics/job/rayeval/scenario/one/")
    assert len(server.seen) == count
