"""档位的自查：说不通的爬坡、配不上的请求数。"""

import pytest
from pydantic import ValidationError

from rayeval.domain.perf import ClimbSpec, PerfSpec
from rayeval.domain.service import REDACTED, Endpoint


def test_linear_climb_that_never_climbs_is_refused():
    with pytest.raises(ValidationError, match="never leaves init_concurrency 1"):
        PerfSpec(concurrency=(1, 4), climb=ClimbSpec(growth_rate=0))
    PerfSpec(concurrency=(1, 4), climb=ClimbSpec(growth_rate=0, init_concurrency=None))
    PerfSpec(concurrency=(1, 4), climb=ClimbSpec(growth_rate=0, mode="static"))


def test_num_requests_below_concurrency_is_refused():
    with pytest.raises(ValidationError, match="num_requests 3 is below concurrency 4"):
        PerfSpec(concurrency=(4,), num_requests=(3,))


def test_header_values_and_key_are_redacted_the_longest_first():
    endpoint = Endpoint(
        "http://h/v1", "m", headers=(("X-Team", "team-secret"), ("X-Short", "abc"), ("Y", "team"))
    )
    assert endpoint.redact("no team-secret, abc") == f"no {REDACTED}, abc"
    assert "team-secret" not in repr(endpoint)
