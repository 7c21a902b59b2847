"""-k 一个用例也没选中：在运行之前就说，不留下一次 FAIL。"""

import pytest
from typer.testing import CliRunner

from rayeval.cli import cli
from rayeval.domain.functional import FunctionalSpec, ParamRange
from rayeval.errors import UsageError
from rayeval.functional.selection import require_selected


def spec(select, suites=("guided",), **more):
    return FunctionalSpec(select=select, suites=suites, **more)


def test_an_expression_that_selects_no_case_is_a_usage_error(tmp_path):
    own = tmp_path / "test_mine.py"
    own.write_text("def test_a(): pass\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"-k 'nothing' selects no case of guided, test_mine\.py"):
        require_selected(spec("nothing", paths=(str(own),)))


def test_a_case_in_one_place_is_enough(tmp_path):
    (tmp_path / "test_mine.py").write_text("def test_lonely(): pass\n", encoding="utf-8")
    require_selected(spec("lonely", paths=(str(tmp_path),)))


def test_cases_of_the_profiles_own_parameters_count():
    params = {"top_k": ParamRange(valid=(7777,))}
    require_selected(spec("7777", suites=("params_boundary",), params=params))


@pytest.mark.parametrize("body", ["x = 1", "import no_such_module_anywhere"])
def test_what_has_no_case_at_all_is_left_to_the_run(tmp_path, body):
    (tmp_path / "test_mine.py").write_text(body, encoding="utf-8")
    require_selected(spec("a", suites=(), paths=(str(tmp_path),)))


def test_the_verb_says_so_before_it_knocks_at_the_service(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["functional", "http://nowhere.invalid/v1", "-s", "guided", "-k", "nothinglikeit"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 2, done.output
    assert not list(tmp_path.iterdir())
