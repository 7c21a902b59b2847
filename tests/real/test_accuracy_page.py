"""模型的话再坏，报告页在真浏览器里打开也什么都不发生。"""

import re
import subprocess

import pytest

from rayeval.domain.accuracy import Accuracy
from rayeval.export import simple_evals
from tests.real.programs import program

PWN = "document.title='PWNED'"
REPLIES = (
    f'</pre></section><script>{PWN}</script><img src=x onerror="{PWN}">\nAnswer: A',
    f'<svg onload="{PWN}"><iframe srcdoc="<script>top.{PWN}</script>"></iframe>',
    f"]]>--></style></title><script>{PWN}</script>",
    "\ufffd\x00\x1b[31m \u202e {{ 7 * 7 }} {% raw %}",
    "<script>" + "Z" * 1_000_000,
)

pytestmark = pytest.mark.real


def test_nothing_that_a_model_says_runs_in_the_page(tmp_path):
    words = dict.fromkeys(("finish_reason", "error_class"), f"<script>{PWN}</script>")
    letters = {"correct": "B", "simple_evals": None, "robust": None, "index": 0}
    rows = [
        {**words, **letters, "prompt": text, "reply": text, "reasoning": text, "error_message": ""}
        for text in REPLIES
    ]
    shares = {"unparsed_ratio": 1.0, "truncated_ratio": 0.0, "error_ratio": 0.0}
    numbers = {"std": 0.0, "stderr": 0.0, "low": 0.0, "high": 1.0, "mean_chars": 1.0}
    accuracy = Accuracy(
        dataset_name="own",
        prompt="rayeval",
        n=5,
        examples=5,
        repeats=1,
        score=0.0,
        robust_score=0.0,
        debug=False,
        valid=True,
        min_score=None,
        **shares,
        **numbers,
    )
    page = tmp_path / "page.html"
    page.write_bytes(b"".join(simple_evals.report_html(accuracy, rows)))
    assert page.stat().st_size < 200_000
    argv = [
        program("chromium", "google-chrome"),
        "--headless=new",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
    ]
    argv += [f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=2000"]
    shown = subprocess.run(
        [*argv, page.as_uri()], capture_output=True, timeout=120, check=True
    ).stdout.decode("utf-8", "replace")
    assert "<title>own accuracy</title>" in shown
    assert shown.count("<article>") == 5
    assert not re.search(r"<(script|img|svg|iframe)\b", shown)
