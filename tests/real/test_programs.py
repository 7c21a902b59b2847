"""缺了真的程序：平时跳过，CI 里是失败。"""

import pytest

from tests.real import programs


def test_a_missing_program_skips_unless_it_is_required(monkeypatch):
    monkeypatch.delenv(programs.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install"):
        programs.program("no-such-program")
    monkeypatch.setenv(programs.REQUIRED, "1")
    with pytest.raises(AssertionError, match="apt-get install"):
        programs.program("no-such-program")
