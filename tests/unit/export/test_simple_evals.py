import dataclasses
import json
from html.parser import HTMLParser

import pyarrow as pa
import pytest

from rayeval.domain.accuracy import Accuracy
from rayeval.domain.records import ANSWERS
from rayeval.export import simple_evals

HOSTILE = '</pre><script>alert(1)</script><img src=x onerror="alert(2)">{{ 7 * 7 }}\x00\x1b[31m'


@pytest.fixture
def accuracy():
    return Accuracy(
        dataset_name="science_sample",
        prompt="rayeval",
        n=2,
        examples=2,
        repeats=1,
        score=0.5,
        std=0.5,
        stderr=0.5,
        low=0.0,
        high=1.0,
        robust_score=0.5,
        unparsed_ratio=0.5,
        truncated_ratio=0.0,
        error_ratio=0.0,
        mean_chars=12.5,
        debug=True,
        valid=True,
        min_score=None,
        errors=(("timeout", 1),),
        std_chars=2.5,
    )


def table(*rows):
    plain = {
        "index": 0,
        "example": 0,
        "repeat": 0,
        "correct": "B",
        "simple_evals": "B",
        "robust": "B",
        "score": 1.0,
        "finish_reason": "stop",
        "prompt_tokens": 3,
        "completion_tokens": 4,
        "duration_s": 0.1,
        "attempts": 1,
        "error_class": None,
        "error_message": "",
        "prompt": "What is 中?",
        "reply": "What is 中? It is\nAnswer: B",
        "reasoning": "",
    }
    return pa.Table.from_pylist([{**plain, **row} for row in rows], schema=ANSWERS)


class Tags(HTMLParser):
    """记下出现过的标签与属性。"""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


@pytest.mark.parametrize(
    ("dataset", "model", "debug", "expected"),
    [
        ("gpqa", "qwen3-32b", False, "gpqa_qwen3-32b_20260102_030405"),
        ("gpqa", "org/model:v1", True, "gpqa_org_model_v1_20260102_030405_DEBUG"),
        ("science_sample", "m", True, "science_sample_m_20260102_030405_DEBUG"),
        ("gpqa", "../../etc", False, "gpqa__.._etc_20260102_030405"),
        ("gpqa", "", False, "gpqa___20260102_030405"),
    ],
)
def test_the_stem_begins_with_the_dataset_and_is_a_safe_name(
    accuracy, dataset, model, debug, expected
):
    named = dataclasses.replace(accuracy, dataset_name=dataset, debug=debug)
    assert simple_evals.stem(named, model, "20260102_030405") == expected


def test_the_result_has_the_keys_of_simple_evals_and_ours_under_one_key(accuracy):
    result = json.loads(simple_evals.result_json(accuracy))
    ours = result.pop("rayeval")
    assert result == {"chars": 12.5, "chars:std": 2.5, "score": 0.5, "score:std": 0.5}
    assert (ours["prompt"], ours["dataset"], ours["debug"]) == ("rayeval", "science_sample", True)
    assert ours["errors"] == {"timeout": 1}


def test_allresults_has_the_five_parts_of_simple_evals_row_by_row(accuracy):
    rows = table({}, {"index": 1, "simple_evals": None, "score": 0.0})
    result = json.loads(simple_evals.allresults_json(accuracy, rows, include_questions=True))
    assert list(result) == ["score", "metrics", "htmls", "convos", "metadata"]
    assert result["metrics"] == {"chars": 12.5, "chars:std": 2.5, "score:std": 0.5}
    assert result["convos"][0] == [
        {"role": "user", "content": "What is 中?"},
        {"role": "assistant", "content": "What is 中? It is\nAnswer: B"},
    ]
    assert len(result["htmls"]) == 2
    assert "<p>Extracted Answer: None</p>" in result["htmls"][1]
    assert "<p>Score: 0.0</p>" in result["htmls"][1]
    assert [row["index"] for row in result["metadata"]["example_level_metadata"]] == [0, 1]
    assert result["metadata"]["rayeval"]["prompt"] == "rayeval"


def test_a_system_message_is_part_of_the_conversation(accuracy):
    data = simple_evals.allresults_json(
        accuracy, table({}), include_questions=True, system_message="Be brief."
    )
    assert json.loads(data)["convos"][0][0] == {"role": "system", "content": "Be brief."}
    page = simple_evals.report_html(
        accuracy, table({}), include_questions=True, system_message="Be brief."
    )
    assert b"Be brief." in page


def test_question_text_is_left_out_unless_asked(accuracy):
    secret = "zebra"
    rows = table(
        {
            "prompt": f"{secret}?",
            "reply": f"The question is about a {secret}.\nAnswer: B\n",
            "reasoning": f"a {secret}",
            "error_class": "http_4xx",
            "error_message": f"invalid input: {secret}",
        }
    )
    for write in (simple_evals.report_html, simple_evals.allresults_json):
        assert secret in write(accuracy, rows, include_questions=True).decode()
        quiet = write(accuracy, rows, include_questions=False).decode()
        assert secret not in quiet
        assert "Answer: B" in quiet
        assert simple_evals.WITHHELD in quiet


def test_a_reply_without_text_survives_withholding(accuracy):
    assert simple_evals.report_html(accuracy, table({"reply": " \n"}), include_questions=False)


def test_hostile_text_stays_text_in_the_page(accuracy):
    texts = ("prompt", "reply", "reasoning", "error_message", "error_class", "correct", "robust")
    rows = table(dict.fromkeys(texts, HOSTILE), {"finish_reason": HOSTILE, "simple_evals": HOSTILE})
    hostile = dataclasses.replace(accuracy, dataset_name=HOSTILE, prompt=HOSTILE)
    page = simple_evals.report_html(hostile, rows, include_questions=True).decode()
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img"} & tags.tags
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert "{{ 7 * 7 }}" in page
    shown = page.split("<h1>Examples</h1>")[1].split("<h3>Results</h3>")[0]
    assert "\x00" not in shown
    assert "\x1b" not in shown


def test_the_page_loads_nothing_and_states_prompt_and_dataset(accuracy):
    page = simple_evals.report_html(accuracy, table({}), include_questions=True).decode()
    assert "prompt: rayeval" in page
    assert "dataset: science_sample" in page
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_megabyte_reply_is_cut_in_the_page_and_whole_in_allresults(accuracy):
    rows = table({"reply": "x" * 1_000_000})
    page = simple_evals.report_html(accuracy, rows, include_questions=True)
    assert len(page) < 50_000
    assert b"980000 characters left out" in page
    data = simple_evals.allresults_json(accuracy, rows, include_questions=True)
    assert json.loads(data)["convos"][0][-1]["content"] == "x" * 1_000_000


def test_an_invalid_run_says_so_on_top(accuracy):
    invalid = dataclasses.replace(accuracy, valid=False, error_ratio=0.25)
    page = simple_evals.report_html(invalid, table({}), include_questions=True).decode()
    assert "Invalid: 25.0 % of the requests failed" in page


def test_an_empty_run_is_still_a_page(accuracy):
    assert b"<h1>Examples</h1>" in simple_evals.report_html(
        accuracy, table(), include_questions=True
    )
