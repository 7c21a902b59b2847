"""`rayeval accuracy URL`：分片不改变答案，中断可续，数据集可取，配得上基线。"""

import hashlib
import json
import math
import re
import signal
import statistics
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


@pytest.fixture
def service(start_mock, questions):
    """以 p = 0.7 按种子答对的服务。"""

    def start(*flags, count=198):
        key = str(questions(count))
        return start_mock("--answer-key", key, "--accuracy", "0.7", "--seed", "3", *flags)

    return start


def test_shards_change_not_one_byte_and_the_numbers_are_those_of_the_definition(
    asker, service, questions
):
    mock = service()
    words = (mock.base_url, "-d", questions(), "-r", 2, "-t", 16, "--quiet")
    runs = [asker(*words, "--shards", shards) for shards in (1, 4, 16)]
    assert [run.code for run in runs] == [0, 0, 0], runs[0].out + runs[0].err
    files = {run.file("answers.parquet").read_bytes() for run in runs}
    assert len(files) == 1
    assert len({run.file("*_allresults.json").read_bytes() for run in runs}) == 1
    got, rows = runs[0].accuracy, runs[0].answers()
    right = [float(row["simple_evals"] == row["correct"]) for row in rows]
    assert [row["index"] for row in rows] == list(range(396))
    means = [statistics.fmean(right[n::198]) for n in range(198)]
    stderr = statistics.stdev(means) / math.sqrt(198)
    assert got["score"] == pytest.approx(statistics.fmean(right))
    assert got["std"] == pytest.approx(statistics.pstdev(right))
    assert got["low"] == pytest.approx(got["score"] - 1.96 * stderr)
    assert got["high"] == pytest.approx(got["score"] + 1.96 * stderr)
    assert 0.6 < got["score"] < 0.8
    assert [domain["n"] for domain in got["domains"]] == [132, 132, 132]
    assert "gpqa" not in runs[0].out
    for path in runs[0].artifacts.rglob("*"):
        assert "gpqa" not in path.name
        if path.is_file() and path.name != "config.resolved.yaml":
            told = path.read_bytes().split(b"Configuration as it was read")[0]
            assert b"gpqa" not in told.lower(), path


def test_question_text_stays_out_of_every_file_unless_asked(asker, service, questions):
    mock = service(count=4)
    run = asker(mock.base_url, "-d", questions(4), "--quiet")
    for path in run.artifacts.rglob("*"):
        assert not path.is_file() or b"Which value" not in path.read_bytes(), path
    assert b"Answer: " in run.file("*_allresults.json").read_bytes()
    run = asker(mock.base_url, "-d", questions(4), "--quiet", "--include-questions")
    assert b"Which value" in run.file("*Z.html").read_bytes()


def test_an_interrupted_run_is_gone_on_with_and_nothing_is_asked_twice(asker, service, questions):
    mock = service("--ttft-ms", "60", count=60)
    words = (mock.base_url, "-d", questions(60), "-t", 4, "--quiet")
    started = asker.start(*words)
    asker.await_answers(started, 10)
    started[0].send_signal(signal.SIGINT)
    broken = asker.finish(started)
    assert broken.code == 130, broken.out + broken.err
    partial = broken.file("answers_partial.jsonl")
    assert f"go on with --resume {partial.parent.name}" in broken.out
    had = len(partial.read_bytes().splitlines()) - 1
    before = mock.stats()["issued"]
    again = asker(*words, "--resume", partial)
    assert again.code == 0, again.out + again.err
    assert mock.stats()["issued"] - before == 60 - had + 2  # 就绪阶梯问两次
    assert (again.accuracy["resumed"], again.accuracy["n"]) == (had, 60)
    whole = asker(*words)
    assert again.file("answers.parquet").read_bytes() == whole.file("answers.parquet").read_bytes()
    assert again.accuracy["score"] == whole.accuracy["score"]
    odd = asker(*words, "--temperature", "0", "--resume", partial)
    assert odd.code == 2
    assert "temperature was 0.6, is 0" in odd.err


def test_two_runs_are_compared_answer_by_answer(asker, start_mock, service, questions):
    words = ("-d", questions(60), "--quiet", "--scenario", "s")
    first = asker(service(count=60).base_url, *words)
    better = start_mock("--answer-key", str(questions(60)))
    [report] = first.artifacts.glob("runs/*/report.json")
    second = asker(better.base_url, *words, "--baseline", report)
    paired = second.accuracy["paired"]
    wrong = 60 - round(first.accuracy["score"] * 60)
    assert (paired["won"], paired["lost"], paired["n"]) == (wrong, 0, 60)
    assert paired["p_value"] == pytest.approx(2 / 2**wrong)
    assert "accuracy_paired: score rose" in second.out


def test_a_service_that_refuses_everything_is_told_by_class(asker, start_mock, questions):
    mock = start_mock("--fault", "http_503:after=2")
    run = asker(mock.base_url, "-d", questions(4), "--max-retries", 0, "--quiet")
    assert run.code == 1
    [stage] = [s for s in run.scenario["stages"] if s["stage"] == "accuracy"]
    assert stage["reason"] == "100% of the requests failed (http_5xx 4)"
    assert "Traceback" not in run.err


class Files(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.served += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *args):
        """安静。"""


@pytest.fixture
def files():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.served, server.body = 0, b""
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_dataset_is_fetched_once_checked_and_kept(asker, service, questions, files):
    mock = service(count=4)
    files.body = questions(4).read_bytes()
    digest = hashlib.sha256(files.body).hexdigest()
    url = f"http://127.0.0.1:{files.server_port}/own.csv?signature=hidden"
    for _ in range(2):
        run = asker(mock.base_url, "-d", url, "--sha256", digest, "--quiet")
        assert run.code == 0, run.err
    assert files.served == 1
    assert run.accuracy["dataset_name"] == "own"
    odd = asker(mock.base_url, "-d", url, "--sha256", "0" * 64, "--quiet")
    assert odd.code == 2
    assert f"checksum is {digest}, expected 000" in odd.err
    assert "hidden" not in odd.err
    away = asker(mock.base_url, "-d", "http://127.0.0.1:9/x.csv", "--sha256", "1" * 64)
    assert away.code == 2
    place = re.escape(str(asker.folder / "cache" / "datasets" / ("1" * 64 + ".csv")))
    assert re.search(rf"can't be fetched \(ConnectError\).*put it at {place}", away.err)
    assert not away.artifacts.exists()


def test_mmlu_goes_the_same_way(asker, start_mock, tmp_path):
    path = tmp_path / "own_mmlu.csv"
    rows = [f"Is {n} even?,yes {n},no {n},maybe {n},never {n},A,astronomy" for n in range(6)]
    path.write_text("Question,A,B,C,D,Answer,Subject\n" + "\n".join(rows) + "\n")
    mock = start_mock()
    run = asker(mock.base_url, "-d", path, "--benchmark", "mmlu", "-n", 4, "--quiet")
    assert run.code == 0, run.err
    body = json.loads(run.file("own_mmlu_*Z.json").read_text())
    assert body["stem"] == body["score"] == run.accuracy["score"]
    assert run.accuracy["outcomes"] == [["parsed", 4]]
