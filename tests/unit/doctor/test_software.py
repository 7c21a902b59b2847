"""体检里关于软件的判断。"""

import sys

import pytest

from rayeval.doctor import software
from rayeval.doctor.finding import State

WANTED = ["ray<3,>=2.50", "httpx<0.29,>=0.28", 'black>=25; extra == "dev"']
RIGHT = {"rayeval": "0.1.0", "ray": "2.60.0", "httpx": "0.28.1"}


@pytest.mark.parametrize(
    ("version", "state"), [("3.11.7", State.OK), ("3.13.0rc1", State.OK), ("3.10.9", State.FAIL)]
)
def test_an_old_python_is_told(version, state):
    assert software.python(version, ">=3.11").state is state


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"ray": "2.9.0"}, "ray is 2.9.0, wanted <3,>=2.50"),
        ({"httpx": None}, "httpx is missing"),
        ({"black": None}, None),
    ],
)
def test_packages_out_of_bounds_and_missing_ones_are_named(changes, words):
    told = software.packages(WANTED, (RIGHT | changes).get)
    assert told.state is (State.OK if words is None else State.FAIL)
    assert words is None or words in told.seen
    assert words is not None or "2 packages" in told.seen


@pytest.mark.parametrize(
    ("stdout", "preferred", "state"),
    [
        ("utf-8", "UTF-8", State.OK),
        ("ANSI_X3.4-1968", "UTF-8", State.WARN),
        ("utf8", "cp936", State.WARN),
        (None, "UTF-8", State.WARN),
    ],
)
def test_an_encoding_other_than_utf8_is_told(stdout, preferred, state):
    assert software.encoding(stdout, preferred).state is state


def test_looking_at_software_does_not_import_ray():
    before = "ray" in sys.modules
    assert software.check_packages().state is State.OK
    assert software.check_python().state is State.OK
    assert ("ray" in sys.modules) is before
