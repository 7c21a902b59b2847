"""接口地址与它的根。"""

import pytest

from rayeval.domain.service import Endpoint


@pytest.mark.parametrize(
    ("base", "root"),
    [
        ("http://h:8/v1", "http://h:8"),
        ("http://h/v1/", "http://h"),
        ("https://h/api/v3", "https://h/api"),
        ("https://h/api/paas/v4", "https://h/api/paas"),
    ],
)
def test_the_root_is_what_stands_before_the_version(base, root):
    assert Endpoint(base, "m").root_url == root
