"""交接与脱敏：读得回，不带无关的秘密，不把密钥露在外面。"""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from rayeval.domain.functional import FunctionalSpec, ParamRange
from rayeval.domain.service import REDACTED, Endpoint, LocalService
from rayeval.functional.context import SuiteContext, bare_scenario
from rayeval.functional.runner import suite_tasks

KEY = "sk-very-secret-1"
ENDPOINT = Endpoint(
    "http://127.0.0.1:9/v1", "m", SecretStr(KEY), (("X-Tenant", "tenant-secret"), ("X-N", "1"))
)


def scenario():
    plain = bare_scenario(ENDPOINT, {"guided": True})
    provider = plain.provider.model_copy(
        update={"api_key": SecretStr("provider-secret"), "headers": {"X-Tenant": "tenant-secret"}}
    )
    service = LocalService(command=("serve",), env={"HF_TOKEN": "env-secret"})
    return plain.model_copy(update={"provider": provider, "service": service})


def test_context_survives_the_hand_over():
    spec = FunctionalSpec(params={"seed": ParamRange(valid=(0, None, True), invalid=(1.5, "x"))})
    read = SuiteContext.from_json(SuiteContext("guided", scenario(), ENDPOINT, spec).to_json())
    assert read.endpoint == ENDPOINT
    assert read.spec == spec
    assert [type(v) for v in read.spec.params["seed"].valid] == [int, type(None), bool]
    assert (read.suite, read.scenario.features) == ("guided", {"guided": True})


def test_secrets_that_cases_need_not_know_stay_behind():
    text = SuiteContext("guided", scenario(), ENDPOINT, FunctionalSpec()).to_json()
    assert "env-secret" not in text
    assert "provider-secret" not in text


def test_key_is_not_in_any_repr():
    (task,) = suite_tasks(scenario(), ENDPOINT, FunctionalSpec(suites=("guided",)))
    context = SuiteContext("guided", scenario(), ENDPOINT, FunctionalSpec())
    for shown in (repr(task), str(task), repr(context)):
        assert KEY not in shown
        assert "tenant-secret" not in shown


@pytest.mark.parametrize("text", [f"Incorrect API key: {KEY}", "tenant tenant-secret is unknown"])
def test_key_echoed_by_the_service_is_redacted(text):
    clean = ENDPOINT.redact(text)
    assert REDACTED in clean
    assert KEY not in clean
    assert "tenant-secret" not in clean


def test_values_too_short_to_be_secret_are_left_alone():
    assert ENDPOINT.redact("n=1") == "n=1"
