"""随项目发的规则与抓取配置，过 promtool 的检查与它自己的单元测试。"""

import re
from pathlib import Path

import pytest

from dashboards.source.rules import rules_yaml
from tests.real import stack

pytestmark = pytest.mark.real

HOME = Path(__file__).parents[2] / "dashboards" / "prometheus"


def test_the_scrape_configuration_and_its_rules_are_valid():
    stack.promtool("check", "config", str(HOME / "prometheus.yml"))


@pytest.mark.parametrize("prefix", ["", "ci_"])
def test_the_rules_do_what_their_tests_say(tmp_path, prefix):
    (tmp_path / "rules.yml").write_text(rules_yaml(prefix), encoding="utf-8")
    cases = (HOME / "rules_test.yml").read_text(encoding="utf-8")
    names = r"(?<=: ['\"])(?=(?:ttft|e2e|qps|cell|failure|accuracy|functional|scenario|run)_?\w*\{)"
    (tmp_path / "rules_test.yml").write_text(re.sub(names, prefix, cases), encoding="utf-8")
    stack.promtool("check", "rules", str(tmp_path / "rules.yml"))
    said = stack.promtool("test", "rules", str(tmp_path / "rules_test.yml"))
    assert "SUCCESS" in said
