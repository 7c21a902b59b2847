"""三天的运行进了真的 Prometheus，一个模块一套。"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real.observed import Observed, observe


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    with observe(tmp_path_factory.mktemp("stack")) as found:
        yield found
