"""测量的身份：服务是什么、怎样启动；等多久、放在哪不算。"""

from rayeval.domain.run import ScenarioPlan
from rayeval.domain.service import Endpoint, ExternalService, LocalService
from rayeval.functional.context import bare_scenario
from rayeval.pipeline.fingerprint import fingerprint

ENGINE = {"engine": "vllm", "engine_version": "1"}


def identity(service, folder="/a"):
    scenario = bare_scenario(Endpoint("http://127.0.0.1:1/v1", "m"), {})
    plan = ScenarioPlan(scenario=scenario.model_copy(update={"service": service}))
    return dict(fingerprint(plan, ENGINE, folder))


def local(*command, **env):
    return LocalService(command=command, env=env)


def test_a_service_that_runs_already_is_its_address_in_plain_words():
    one = identity(ExternalService(base_url="http://a:1/v1"))
    assert one["url"] == "http://a:1/v1"
    assert "flags" not in one
    assert one == identity(ExternalService(base_url="http://a:1/v1", startup_timeout_s=5))
    assert one != identity(ExternalService(base_url="http://b:1/v1"))


def test_a_service_of_ours_is_its_flags_wherever_the_files_are():
    one = identity(local("serve", "/a/x.yaml", TP="4"))
    assert one == identity(local("serve", "/b/x.yaml", TP="4"), "/b")
    assert one != identity(local("serve", "/a/x.yaml", TP="8"))
    assert one != identity(local("serve", "--eager", "/a/x.yaml", TP="4"))


def test_a_key_counts_by_its_name_alone():
    assert identity(local("serve", API_KEY="a")) == identity(local("serve", API_KEY="b"))
    assert identity(local("serve", API_KEY="a")) != identity(local("serve"))
