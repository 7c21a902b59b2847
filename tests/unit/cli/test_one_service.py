"""点名一个服务：地址、密钥、提供方。"""

import contextlib
from types import SimpleNamespace

import httpx
import pytest
from pydantic import SecretStr

from rayeval import one_service
from rayeval.client.openai import Reply
from rayeval.errors import ConfigError, NotReadyError, UsageError
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


@pytest.fixture
def knocked(monkeypatch):
    """敲门的话：客户端换成一个照说的办的，给出报错的那句。"""

    def told(url, answer):
        def get(path):
            if isinstance(answer, Exception):
                raise answer
            return Reply(answer, "", None, {}, 0.0)

        client = SimpleNamespace(get=get)
        opened = lambda *_, **__: contextlib.nullcontext(client)  # noqa: E731
        monkeypatch.setattr(one_service, "OpenAIClient", opened)
        with pytest.raises((UsageError, NotReadyError)) as caught:
            external_scenario(ServiceFlags(url=url), {}, probe=True)
        return str(caught.value)

    return told


def test_a_version_that_answers_404_is_a_wrong_url_not_a_missing_model(knocked):
    told = knocked("http://host/v2", 404)
    assert told.startswith("URL 'http://host/v2': http://host/v2/models answers 404; write ")
    assert "write http://host/v1, or name the model with --model" in told
    assert "answers 404; mend it, or name" in knocked(URL, 404)
    assert knocked(URL, 500).startswith("--model: ")


def test_a_time_out_in_the_tls_handshake_mentions_plain_http(knocked):
    assert "plain http" in knocked("https://host/v1", httpx.ConnectTimeout("handshake"))
    assert "plain http" not in knocked("http://host/v1", httpx.ConnectTimeout("syn"))
    assert "plain http" not in knocked("https://host/v1", httpx.ReadTimeout("silence"))
