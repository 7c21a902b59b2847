"""点名一个服务：地址、密钥、提供方。"""

import pytest
from pydantic import SecretStr

from rayeval.errors import ConfigError, UsageError
from rayeval.one_service import ServiceFlags, check_url, external_scenario

URL = "http://127.0.0.1:8000/v1"
PROVIDERS = f"""
providers:
  - {{id: one, api_key: "${{KEY}}", base_url: "{URL}", model_name: big}}
  - {{id: two, base_url: "{URL}", model_name: small, headers: {{X-Team: a}}}}
"""


def made(env=None, **flags):
    return external_scenario(ServiceFlags(**flags), env or {}, probe=False)


@pytest.mark.parametrize(
    ("text", "mend"),
    [
        ("127.0.0.1:8000", "write http://127.0.0.1:8000/v1"),
        ("http://127.0.0.1:8000", "write http://127.0.0.1:8000/v1"),
        ("http://host/v1/chat/completions", "write http://host/v1"),
        ("http://host/api/", "write http://host/api/v1"),
        ("http://host:99999/v1", "out of range"),
        ("ftp://host/v1", "http://127.0.0.1:8000/v1"),
        ("http:///v1", "http://127.0.0.1:8000/v1"),
        ("http://host/v1?key=1", "write http://host/v1"),
        ("", "http://127.0.0.1:8000/v1"),
    ],
)
def test_a_bad_url_is_told_with_the_mended_one(text, mend):
    with pytest.raises(UsageError) as told:
        check_url(text)
    assert mend in str(told.value)


def test_a_url_with_a_password_is_refused_without_repeating_it():
    with pytest.raises(UsageError) as told:
        check_url("http://me:hunter2@host/v1")
    assert "hunter2" not in str(told.value)


def test_the_scenario_is_named_after_the_model_and_the_url_loses_its_slash():
    scenario = made(url=URL + "/", model="/models/Qwen 3/")
    assert scenario.id == "Qwen-3"
    assert scenario.served_model_name == "/models/Qwen 3/"
    assert scenario.service.base_url == URL
    assert made(url=URL, model="m", name="mine").id == "mine"


def test_flag_wins_over_file_wins_over_environment(tmp_path):
    file = tmp_path / "providers.yaml"
    file.write_text(PROVIDERS)
    env = {"KEY": "of-the-file", "RAYEVAL_API_KEY": "ours", "OPENAI_API_KEY": "theirs"}

    def key(**flags):
        return made(env, providers=file, **flags).provider.api_key.get_secret_value()

    assert key(provider="one", api_key=SecretStr("given")) == "given"
    assert key(provider="one") == "of-the-file"
    assert key(provider="two") == "ours"
    assert made(env, url=URL, model="m").provider.api_key.get_secret_value() == "ours"
    assert made({}, url=URL, model="m").provider.api_key is None


def test_provider_of_a_file_gives_url_model_and_headers(tmp_path):
    file = tmp_path / "providers.yaml"
    file.write_text(PROVIDERS)
    scenario = made({"KEY": "k"}, providers=file, provider="two", headers=("X-Team: b", "X-B: c"))
    assert (scenario.served_model_name, scenario.service.base_url) == ("small", URL)
    assert scenario.provider.id == "two"
    assert scenario.provider.headers == {"X-Team": "b", "X-B": "c"}


def test_a_providers_file_is_taken_where_acs_bench_takes_it(tmp_path):
    file = tmp_path / "providers.yaml"
    file.write_text(PROVIDERS.partition("  - {id: two")[0])
    assert made({"KEY": "k"}, provider=str(file)).provider.id == "one"


def test_provider_that_is_not_in_the_file_is_told_with_those_that_are(tmp_path):
    file = tmp_path / "providers.yaml"
    file.write_text(PROVIDERS)
    with pytest.raises(UsageError, match="did you mean 'one'"):
        made({"KEY": "k"}, providers=file, provider="onee")
    with pytest.raises(UsageError, match="one, two; choose one"):
        made({"KEY": "k"}, providers=file)
    with pytest.raises(ConfigError, match="KEY is not set"):
        made({}, providers=file, provider="one")
    with pytest.raises(UsageError, match="no such file"):
        made(providers=tmp_path / "none.yaml", provider="one")


def test_a_bad_header_is_told_without_its_value():
    with pytest.raises(UsageError, match="Name: value") as told:
        made(url=URL, model="m", headers=("Bearer sesame",))
    assert "sesame" not in str(told.value)


def test_a_proxy_in_between_is_refused():
    with pytest.raises(UsageError, match="proxy"):
        made({"HTTP_PROXY": "http://p:1"}, url="http://192.0.2.1/v1", model="m")
