import dataclasses
import json
from html.parser import HTMLParser

import pytest

from rayeval.domain.accuracy import Accuracy, DomainScore
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


def allresults(accuracy, rows, system=None):
    return b"".join(simple_evals.allresults_json(accuracy, lambda: rows, system))


def report(accuracy, rows, system=None):
    return b"".join(simple_evals.report_html(accuracy, iter(rows), system))


def table(*rows):
    plain = {
        "index": 0,
        "example": 0,
        "repeat": 0,
        "correct": "B",
        "simple_evals": "B",
        "robust": "B",
        "kind": "parsed",
        "domain": "",
        "chars": 26,
        "shard": 0,
        "rate_limited": 0,
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
    return [{**plain, **row} for row in rows]


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
    rows = table({}, {"index": 1, "simple_evals": None})
    result = json.loads(allresults(accuracy, rows))
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
    data = allresults(accuracy, table({}), "Be brief.")
    assert json.loads(data)["convos"][0][0] == {"role": "system", "content": "Be brief."}
    page = report(accuracy, table({}), "Be brief.")
    assert b"Be brief." in page


def test_a_question_that_was_withheld_is_said_to_be(accuracy):
    rows = table({"prompt": "", "reply": "Answer: B"})
    assert simple_evals.WITHHELD in report(accuracy, rows).decode()
    assert json.loads(allresults(accuracy, rows))["convos"][0][0] == {
        "role": "user",
        "content": simple_evals.WITHHELD,
    }


def test_nothing_in_allresults_depends_on_time_or_shards(accuracy):
    one = allresults(accuracy, table({}))
    other = allresults(
        accuracy, table({"duration_s": 9.0, "attempts": 3, "shard": 5, "rate_limited": 2})
    )
    assert one == other


def test_mmlu_has_its_categories_where_gpqa_has_the_length(accuracy):
    stem = DomainScore("stem", 2, 2, 0.5, 0.4, 0.3, 0.0, 1.0)
    made = dataclasses.replace(accuracy, by_category=True, domains=(stem,))
    result = json.loads(simple_evals.result_json(made))
    assert list(result) == ["rayeval", "score", "score:std", "stem", "stem:std"]
    assert "<td>stem</td>" in report(made, table({})).decode()


def test_hostile_text_stays_text_in_the_page(accuracy):
    texts = ("prompt", "reply", "reasoning", "error_message", "error_class", "correct", "robust")
    rows = table(dict.fromkeys(texts, HOSTILE), {"finish_reason": HOSTILE, "simple_evals": HOSTILE})
    hostile = dataclasses.replace(accuracy, dataset_name=HOSTILE, prompt=HOSTILE)
    page = report(hostile, rows).decode()
    tags = Tags()
    tags.feed(page)
    assert not {"script", "img"} & tags.tags
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert "{{ 7 * 7 }}" in page
    shown = page.split("<h1>Examples</h1>")[1].split("<h3>Results</h3>")[0]
    assert "\x00" not in shown
    assert "\x1b" not in shown


def test_the_page_loads_nothing_and_states_prompt_and_dataset(accuracy):
    page = report(accuracy, table({})).decode()
    assert "prompt: rayeval" in page
    assert "dataset: science_sample" in page
    assert "default-src 'none'" in page
    assert "http://" not in page
    assert "https://" not in page


def test_a_megabyte_reply_is_cut_in_the_page_and_whole_in_allresults(accuracy):
    rows = table({"reply": "x" * 1_000_000})
    page = report(accuracy, rows)
    assert len(page) < 50_000
    assert b"980000 characters left out" in page
    data = allresults(accuracy, rows)
    assert json.loads(data)["convos"][0][-1]["content"] == "x" * 1_000_000


def test_an_invalid_run_says_so_on_top(accuracy):
    invalid = dataclasses.replace(accuracy, valid=False, error_ratio=0.25)
    page = report(invalid, table({})).decode()
    assert "Invalid: 25.0 % of the requests failed" in page


def test_an_empty_run_is_still_a_page(accuracy):
    assert b"<h1>Examples</h1>" in report(accuracy, table())
    assert json.loads(allresults(accuracy, table()))["convos"] == []
