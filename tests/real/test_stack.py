"""缺了真的程序：平时跳过，CI 里是失败。"""

import pytest

from tests.real import stack


def test_a_missing_program_skips_unless_it_is_required(monkeypatch):
    monkeypatch.delenv(stack.REQUIRED, raising=False)
    with pytest.raises(pytest.skip.Exception, match="apt-get install"):
        stack.program("no-such-program")
    monkeypatch.setenv(stack.REQUIRED, "1")
    with pytest.raises(AssertionError, match="apt-get install"):
        stack.program("no-such-program")
