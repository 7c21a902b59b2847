"""用户的用例写错了：一句话说清错在哪、怎样改。"""

import pytest

from rayeval.domain.functional import FunctionalSpec, Outcome
from rayeval.domain.service import Endpoint
from rayeval.functional import plugin, sayings
from rayeval.functional.context import bare_scenario
from rayeval.functional.runner import suite_tasks
from tests.suites import run_suite

ENDPOINT = Endpoint("http://nowhere.invalid/v1", "m")


def said(tmp_path, source):
    """只有一个用例的套件，跑出来的话。"""
    path = tmp_path / "test_mine.py"
    path.write_text(source, encoding="utf-8")
    spec = FunctionalSpec(suites=(), paths=(str(path),), concurrency=1)
    (case,) = run_suite(suite_tasks(bare_scenario(ENDPOINT, {}), ENDPOINT, spec)[0])
    assert case.outcome is Outcome.ERROR
    return case.message


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("clent", "no fixture 'clent'; did you mean 'client'?"),
        ("my_dat", "no fixture 'my_dat'; did you mean 'my_data'?"),
        ("quux", "no fixture 'quux'; rayeval gives client, endpoint, feature, scenario, spec"),
    ],
)
def test_a_mistyped_fixture_is_told_with_the_one_it_resembles(tmp_path, name, told):
    own = "import pytest\n\n@pytest.fixture\ndef my_data(): return 1\n\n"
    first, second = said(tmp_path, own + f"def test_a({name}): pass\n").splitlines()
    assert first.startswith(told)
    assert second == "in the setup of the case, test_mine.py:6"


def test_a_fixture_that_wants_itself_is_told_as_pytest_does(tmp_path):
    own = "import pytest\n\n@pytest.fixture\ndef loop(loop): return 1\n\n"
    assert "loop" in said(tmp_path, own + "def test_a(loop): pass\n")


def test_the_fixtures_that_are_named_are_those_the_plugin_gives():
    assert all(hasattr(plugin, name) for name in sayings.GIVEN)
