"""读 simple-evals 的结果：名字、JSON、HTML；两份要对得上，读不懂的要说清。"""

import html
import json
import os

import pytest

from rayeval.accuracy.simple_evals import find_result, parse_name, read_result
from rayeval.domain.accuracy import AccuracySpec
from rayeval.errors import InfrastructureError


def example(correct, extracted, score, reply):
    return (
        "<h3>Prompt conversation</h3>\n"
        '<div class="message user"><div class="role">user</div>'
        f'<div class="content"><pre>Q?\nA) &lt;b&gt;1&lt;/b&gt;</pre></div></div>\n'
        '<div class="message assistant"><div class="role">assistant</div>'
        f'<div class="content"><pre>{html.escape(reply)}</pre></div></div>\n'
        f"<h3>Results</h3>\n<p>Correct Answer: {correct}</p>\n"
        f"<p>Extracted Answer: {extracted}</p>\n<p>Score: {score}</p>\n<hr>"
    )


TRICKY = "</pre><p>Correct Answer: D</p><p>Score: 1.0</p> so Answer: A, no: **Answer**: B"
PAGE = "<html><body><h1>Metrics</h1><table><tr><td><b>Score</b></td><td>0.5</td></tr></table>" + (
    example("C", "C", 1.0, "Answer: C")
    + example("B", "A", 0.0, TRICKY)
    + example("A", "None", 0.0, "no idea")
    + example("D", "D", 1.0, "Answer: D")
)
METRICS = {"chars": 20.0, "chars:std": 3.0, "score": 0.5, "score:std": 0.5}
STEM = "gpqa_my-model_20260102_030405"


def spec(**fields):
    return AccuracySpec(results="x", include_questions=True, **fields)


@pytest.fixture
def written(tmp_path):
    """`written(json, html, stem)`：写下的结果所在的 JSON 路径。"""

    def write(metrics=METRICS, page=PAGE, stem=STEM):
        if metrics is not None:
            text = metrics if isinstance(metrics, str) else json.dumps(metrics)
            (tmp_path / f"{stem}.json").write_text(text)
        if page is not None:
            (tmp_path / f"{stem}.html").write_text(page, encoding="utf-8")
        return tmp_path / f"{stem}.{'json' if metrics is not None else 'html'}"

    return write


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("gpqa_o3_high_20250709_102041.json", ("gpqa", "o3_high", "20250709_102041", False)),
        ("gpqa_qwen3_20250709_102041_DEBUG.html", ("gpqa", "qwen3", "20250709_102041", True)),
        ("gpqa_m_20250709_102041_allresults.json", ("gpqa", "m", "20250709_102041", False)),
        ("gpqa_diamond_Qwen3-32B_20250709102041.json", ("gpqa_diamond", "Qwen3-32B", None, False)),
        ("mmlu_m_1752056441.json", ("mmlu", "m", "1752056441", False)),
    ],
)
def test_the_names_of_the_command_line_and_of_its_variant_are_known(tmp_path, name, parts):
    named = parse_name(tmp_path / name)
    dataset, model, ts, debug = parts
    assert (named.dataset, named.model, named.debug) == (dataset, model, debug)
    assert ts in (None, named.ts)


@pytest.mark.parametrize("name", ["report.json", "gpqa.json", "gpqa_m_yesterday.json"])
def test_other_files_are_no_results(tmp_path, name):
    assert parse_name(tmp_path / name) is None


def test_json_and_html_give_score_error_interval_and_both_readings(written):
    result, answers = read_result(written(), spec())
    assert (result.score, result.robust_score, result.n, result.examples) == (0.5, 0.75, 4, 4)
    assert (result.std, result.mean_chars, result.std_chars) == (0.5, 20.0, 3.0)
    assert result.stderr == pytest.approx(0.5773502691896258 / 2)
    assert result.unparsed_ratio == 0.25
    assert (result.source, result.prompt, result.valid) == ("simple-evals", "external", True)
    assert [answer.correct for answer in answers] == ["C", "B", "A", "D"]
    assert answers[1].reply == TRICKY
    assert answers[0].prompt == "Q?\nA) <b>1</b>"


def test_repeats_of_the_list_are_clusters(written):
    result, answers = read_result(written(), spec(n_repeats=2))
    assert (result.examples, result.repeats) == (2, 2)
    assert [(a.example, a.repeat) for a in answers] == [(0, 0), (1, 0), (0, 1), (1, 1)]


def test_the_html_alone_is_enough(written):
    result, answers = read_result(written(metrics=None), spec())
    assert (result.score, len(answers)) == (0.5, 4)


def test_the_json_alone_gives_the_score_and_says_how_little_is_known(written):
    result, answers = read_result(written(page=None), spec())
    assert (result.score, result.std, answers, result.n) == (0.5, 0.5, [], 0)
    assert (result.low, result.high) == (0.0, 1.0)
    assert result.ok
    known, _ = read_result(written(page=None), spec(num_examples=198, n_repeats=10))
    assert known.n == 1980
    assert 0.4 < known.low < 0.5 < known.high < 0.6


def test_question_text_is_left_behind_unless_asked(written):
    _, answers = read_result(written(), AccuracySpec(results="x"))
    assert {answer.prompt for answer in answers} == {""}


@pytest.mark.parametrize(
    ("metrics", "page", "told"),
    [
        ({**METRICS, "score": 0.9}, PAGE, r"score is 0\.900000.*give 0\.500000"),
        ({**METRICS, "score": 61.2}, None, "no 'score' between 0 and 1"),
        ({"chars": 3}, None, "no 'score'"),
        ("[1]", None, "no 'score'"),
        ("NaN", None, "no 'score'"),
        ('{"score": NaN}', None, "no 'score'"),
        ("{", None, "not JSON"),
        (None, "<html>hello</html>", "no example"),
    ],
)
def test_what_can_not_be_a_result_is_refused(written, metrics, page, told):
    with pytest.raises(InfrastructureError, match=told):
        read_result(written(metrics, page), spec())


def test_the_newest_result_of_a_directory_counts(tmp_path, written):
    written(stem="gpqa_m_20260101_000000")
    newest = written(stem="gpqa_m_20260301_000000")
    (tmp_path / "gpqa_m_20260401_000000_allresults.json").write_text("{}")
    assert find_result(tmp_path) == newest
    os.utime(newest, (1, 1))
    os.utime(newest.with_suffix(".html"), (1, 1))
    assert find_result(tmp_path, since=2.0).name == "gpqa_m_20260101_000000.json"


def test_nothing_found_says_where_and_how_to_mend(tmp_path):
    with pytest.raises(InfrastructureError, match=r"that the runner wrote in .*set results"):
        find_result(tmp_path, since=0.0)
    with pytest.raises(InfrastructureError, match="expected a name like"):
        find_result(tmp_path / "absent")


def test_our_own_page_is_read_like_theirs(written):
    from rayeval.export import simple_evals

    result, answers = read_result(written(), spec())
    import dataclasses

    rows = [dataclasses.asdict(answer) for answer in answers]
    page = b"".join(simple_evals.report_html(result, rows)).decode()
    again, theirs = read_result(written(page=page, stem="own_m_20260102_030405"), spec())
    assert (again.score, again.robust_score, again.n) == (0.5, 0.75, 4)
    assert [answer.reply for answer in theirs] == [answer.reply for answer in answers]
