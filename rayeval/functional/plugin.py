"""pytest 插件：client、scenario、endpoint、spec、stream、feature 六个 fixture。

由 runner 起的进程从文件描述符读上下文；平常也可以自己用：
`pytest -p rayeval.functional.plugin --rayeval-url URL --rayeval-model NAME my_cases/`。
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from rayeval.client.openai import OpenAIClient
from rayeval.domain.functional import FunctionalSpec, Support
from rayeval.domain.scenario import Scenario
from rayeval.domain.service import Endpoint
from rayeval.functional.context import SuiteContext, bare_scenario
from rayeval.functional.crew import ALONE
from rayeval.functional.expect import Feature
from rayeval.functional.journal import CLIENT, Journal
from rayeval.functional.params import case_name, ranges
from rayeval.functional.recorder import RecordingClient

CONTEXT = pytest.StashKey[SuiteContext]()
_HTTP_MARGIN_S = 1.0
"""httpx 的读超时比用例的时限晚一点：由闹钟先响，超时只有一种说法。"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """给 pytest 加上 --rayeval-* 选项。"""
    group = parser.getgroup("rayeval", "functional tests of an OpenAI-compatible service")
    group.addoption("--rayeval-url", help="URL of the service, ends in /v1")
    group.addoption("--rayeval-model", help="model name written in requests")
    group.addoption("--rayeval-features", default="", help="declared features, e.g. tools,guided")
    group.addoption(
        "--rayeval-key-env",
        default="RAYEVAL_API_KEY",
        help="environment variable that holds the API key (default: RAYEVAL_API_KEY)",
    )
    group.addoption("--rayeval-case-timeout", type=float, help="limit of one case, seconds")
    group.addoption("--rayeval-context-fd", type=int, help="used by rayeval itself")
    group.addoption("--rayeval-results-fd", type=int, help="used by rayeval itself")


def pytest_configure(config: pytest.Config) -> None:
    """读上下文，挂上记录者；既没有上下文也没有地址时不插手。"""
    config.addinivalue_line(
        "markers", "feature(name, *aliases): the optional feature that the case is about"
    )
    config.addinivalue_line("markers", f"{ALONE}: runs when no other case of its suite does")
    context = _context(config)
    if context is not None:
        config.stash[CONTEXT] = context
        journal = Journal(context, config.getoption("rayeval_results_fd"))
        config.pluginmanager.register(journal, "rayeval-journal")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """`valid_param`、`invalid_param` 按边界表展开成 (名, 值)。"""
    context = metafunc.config.stash.get(CONTEXT, None)
    table = ranges(context.spec if context else FunctionalSpec())
    for fixture in ("valid_param", "invalid_param"):
        if fixture not in metafunc.fixturenames:
            continue
        pairs = [
            (name, value)
            for name, span in table.items()
            for value in (span.valid if fixture == "valid_param" else span.invalid)
        ]
        metafunc.parametrize(fixture, pairs, ids=[case_name(*pair) for pair in pairs])


@pytest.fixture(scope="session")
def rayeval_context(request: pytest.FixtureRequest) -> SuiteContext:
    """本进程的上下文；没有时说明该给哪些选项。"""
    context = request.config.stash.get(CONTEXT, None)
    if context is None:
        pytest.fail("no service to test: give --rayeval-url URL and --rayeval-model NAME")
    return context


@pytest.fixture(scope="session")
def scenario(rayeval_context: SuiteContext) -> Scenario:
    """被测的场景：声明的能力、推理字段、提供方的写法。"""
    return rayeval_context.scenario


@pytest.fixture(scope="session")
def endpoint(rayeval_context: SuiteContext) -> Endpoint:
    """被测服务的地址与模型名。"""
    return rayeval_context.endpoint


@pytest.fixture(scope="session")
def spec(rayeval_context: SuiteContext) -> FunctionalSpec:
    """功能测试的配置。"""
    return rayeval_context.spec


@pytest.fixture(scope="session")
def rayeval_http(endpoint: Endpoint, spec: FunctionalSpec) -> Iterator[OpenAIClient]:
    """整个进程共用的 HTTP 客户端；不留连接，免得撞上服务悄悄关掉的。"""
    timeout_s = spec.case_timeout_s + _HTTP_MARGIN_S
    with OpenAIClient(endpoint, timeout_s=timeout_s, keepalive=False) as http:
        yield http


@pytest.fixture
def client(
    request: pytest.FixtureRequest, rayeval_http: OpenAIClient, rayeval_context: SuiteContext
) -> RecordingClient:
    """本用例的客户端：每次往返都留痕。"""
    known = {c.name: c.support for c in rayeval_context.capabilities}
    thinks = known.get("reasoning") is Support.SUPPORTED
    recording = RecordingClient(rayeval_http, rayeval_context.scenario, thinks=thinks)
    request.node.stash[CLIENT] = recording
    return recording


@pytest.fixture(params=[False, True], ids=["non_stream", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    """用例各跑一遍非流式与流式。"""
    return bool(request.param)


@pytest.fixture
def feature(request: pytest.FixtureRequest, rayeval_context: SuiteContext) -> Feature:
    """用例所关的能力，取自 `@pytest.mark.feature("名", "别名"…)`；场景声明没有的直接跳过。"""
    marker = request.node.get_closest_marker("feature")
    if marker is None or not marker.args:
        pytest.fail('mark the case with @pytest.mark.feature("NAME") to use the feature fixture')
    names = (str(name) for name in marker.args)
    context = rayeval_context
    found = Feature.of(context.scenario, *names, observed=context.capabilities)
    if found.declared is False:
        pytest.skip(f"the scenario declares that it lacks the feature {found.name}")
    return found


def _context(config: pytest.Config) -> SuiteContext | None:
    """上下文：来自 runner 给的文件描述符，或命令行上的地址。"""
    fd = config.getoption("rayeval_context_fd")
    if fd is not None:
        with os.fdopen(fd, encoding="utf-8") as file:
            return SuiteContext.from_json(file.read())
    url, model = config.getoption("rayeval_url"), config.getoption("rayeval_model")
    if not url:
        return None
    if not model:
        raise pytest.UsageError("--rayeval-url needs --rayeval-model NAME")
    key = os.environ.get(config.getoption("rayeval_key_env"), "")
    endpoint = Endpoint(url.rstrip("/"), model, SecretStr(key) if key else None)
    names = [name for name in config.getoption("rayeval_features").split(",") if name]
    limit = config.getoption("rayeval_case_timeout")
    spec = FunctionalSpec() if limit is None else FunctionalSpec(case_timeout_s=limit)
    return SuiteContext("", bare_scenario(endpoint, dict.fromkeys(names, True)), endpoint, spec)
