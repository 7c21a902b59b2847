import re
import threading
from dataclasses import replace

import httpx
import pytest

from rayeval.client.openai import Reply, explain
from rayeval.domain.load import PromptPlan
from rayeval.domain.perf import PerfSpec, Sampling
from rayeval.domain.service import Endpoint
from rayeval.perf.calibration import Fitter, Prices, plan_prompts, price, settle
from rayeval.perf.prompts import HEAD, Prompts, prompts_of


def uneven(text):
    """小词表：每个词多少 token 没有规律，只有打头的字母总是一个。"""
    words = text[1:].split(" ")
    return 1 + sum(1 + sum(map(ord, word)) % (5 if len(word) > 1 else 2) for word in words)


TOKENIZERS = {
    "bytes": lambda text: len(text.encode()),
    "characters": len,
    "words": lambda text: len(text.split()),
    "subwords": lambda text: len(re.findall(r" ?[A-Za-z]{1,4}|[\s\S]", text)),
    "uneven": uneven,
    "pieces": lambda text: len(re.findall(r" [a-z]{1,3}|[a-z]{1,2}|[A-Z]| ?[一-鿿]| ", text)),
}
TEMPLATE = 11


class Service:
    """一个服务的两个接口：补全与 /tokenize；`odd` 是它不照章办事之处。"""

    endpoint = Endpoint("http://h/v1", "m")

    def __init__(self, tokens=TOKENIZERS["subwords"], tokenize=None, refuse=(), odd=None):
        self.tokens, self.tokenize, self.refuse, self.odd = tokens, tokenize, refuse, odd
        self.bodies, self.texts = [], []
        self.lock = threading.Lock()

    def post(self, path, body, **_):
        with self.lock:
            self.bodies.append((path, body))
        if path == "root:/tokenize":
            return self.reply(*(self.tokenize(body) if self.tokenize else (404, None)))
        if any(name in body for name in self.refuse):
            return self.reply(422, {"detail": [{"msg": "extra fields not permitted"}]})
        messages = body.get("messages")
        text = messages[0]["content"] if messages else body["prompt"]
        with self.lock:
            self.texts.append(text)
        tokens = self.tokens(text) + (TEMPLATE if messages else 0)
        if self.odd is not None:
            return self.reply(*self.odd(tokens))
        return self.reply(200, {"usage": {"prompt_tokens": tokens}})

    @staticmethod
    def reply(status, body):
        return Reply(status, explain(body, ""), body, {}, 0.0)

    def completions(self):
        return [body for path, body in self.bodies if path != "root:/tokenize"]


def vllm(count):
    """/tokenize：按对话数，带模板。"""
    return lambda body: (
        (200, {"count": count(body["messages"][0]["content"]) + TEMPLATE, "tokens": []})
        if "messages" in body
        else (200, {"count": count(body["prompt"])})
    )


def llamacpp(count):
    """/tokenize：只认 content，只给编号。"""
    return lambda body: (200, {"tokens": [0] * count(body.get("content", ""))})


def spec(*lengths, **more):
    return PerfSpec(input_length=lengths, output_length=(16,), concurrency=(2,), **more)


def achieved(service, make_share, perf, plan, length):
    share = replace(make_share(**perf.model_dump()), prompt_plan=plan)
    share = replace(share, cell=replace(share.cell, input_length=length))
    prompts = prompts_of(share)
    extra = TEMPLATE if perf.backend == "openai-chat" else 0
    return [service.tokens(prompts.text("measured", index)) + extra for index in range(40)]


@pytest.mark.parametrize("name", TOKENIZERS)
@pytest.mark.parametrize("shared", [0, 30])
def test_every_prompt_comes_within_one_percent_of_the_length(make_share, name, shared):
    service = Service(TOKENIZERS[name])
    perf = spec(64, 128, 512, 4096, shared_prefix=shared)
    source, plans = plan_prompts(service, perf, "max_tokens", "run")
    assert source == "usage"
    for length, plan in plans.items():
        for tokens in achieved(service, make_share, perf, plan, length):
            assert abs(tokens - length) <= max(1, 0.01 * length), (length, plan)


@pytest.mark.parametrize("name", ["words", "subwords", "uneven"])
def test_short_prompts_are_exact_where_there_is_room_for_them(make_share, name):
    service = Service(TOKENIZERS[name])
    perf = spec(16, 20, 24, 32, 48)
    _, plans = plan_prompts(service, perf, "max_tokens", "run")
    for length, plan in plans.items():
        for tokens in achieved(service, make_share, perf, plan, length):
            assert abs(tokens - length) <= 1


@pytest.mark.parametrize("length", range(1, 9))
def test_without_a_template_even_one_token_can_be_had(make_share, length):
    service = Service(TOKENIZERS["subwords"])
    perf = spec(length, backend="openai")
    _, plans = plan_prompts(service, perf, "max_tokens", "run")
    assert set(achieved(service, make_share, perf, plans[length], length)) == {length}


def test_a_length_below_the_template_takes_the_shortest_prompt():
    _, plans = plan_prompts(Service(), spec(1, 5), "max_tokens", "run")
    assert plans == {n: PromptPlan(0, 0, 0, mark="run") for n in (1, 5)}


@pytest.mark.parametrize("shared", [2, 10, 60, 200])
def test_the_shared_prefix_has_the_tokens_asked_for(shared):
    service = Service(TOKENIZERS["uneven"])
    _, plans = plan_prompts(service, spec(400, shared_prefix=shared), "max_tokens", "run")
    lead = Prompts(plans[400], salt="s", seed="d", shared="x").lead.decode()
    assert abs(service.tokens(lead) - service.tokens("a") + 1 - shared) <= max(1, 0.02 * shared)


@pytest.mark.parametrize("shape", [vllm, llamacpp])
def test_the_services_own_tokenizer_spares_real_requests(make_share, shape):
    count = TOKENIZERS["uneven"]
    service = Service(count, shape(count))
    perf = spec(128, 2048)
    source, plans = plan_prompts(service, perf, "max_tokens", "run")
    assert source == "tokenize"
    assert len(service.completions()) == 4
    assert set(achieved(service, make_share, perf, plans[2048], 2048)) <= {2047, 2048, 2049}


@pytest.mark.parametrize(
    "answer",
    [
        (404, None),
        (200, None),
        (200, []),
        (200, {"count": None}),
        (200, {"count": "9", "tokens": None}),
        (200, {"count": 5}),
        (200, {"tokens": []}),
        (500, {"error": "no"}),
    ],
)
def test_a_tokenize_that_tells_nothing_is_passed_over(make_share, answer):
    service = Service(tokenize=lambda body: answer)
    source, plans = plan_prompts(service, spec(256), "max_tokens", "run")
    assert source == "usage"
    assert set(achieved(service, make_share, spec(256), plans[256], 256)) == {256}


def test_a_tokenize_of_another_model_is_passed_over():
    service = Service(tokenize=vllm(TOKENIZERS["bytes"]))
    assert plan_prompts(service, spec(256), "max_tokens", "run")[0] == "usage"


@pytest.mark.parametrize(("shape", "template"), [(vllm, TEMPLATE), (llamacpp, 0)])
def test_tokenize_serves_where_usage_is_missing(shape, template):
    count = TOKENIZERS["subwords"]
    service = Service(tokenize=shape(count), odd=lambda tokens: (200, {"usage": None}))
    source, plans = plan_prompts(service, spec(256), "max_tokens", "run")
    text = Prompts(plans[256], salt="s", seed="d").text("measured", 0)
    assert (source, count(text) + template) == ("tokenize", 256)


@pytest.mark.parametrize(
    "odd",
    [
        lambda tokens: (200, {"usage": None}),
        lambda tokens: (200, {"usage": {"prompt_tokens": 5}}),
        lambda tokens: (200, {"usage": {"prompt_tokens": "5"}}),
        lambda tokens: (200, []),
        lambda tokens: (500, None),
    ],
)
def test_a_service_that_counts_nothing_leaves_the_word_count(odd):
    assert plan_prompts(Service(odd=odd), spec(64, 128), "max_tokens", "run") == (
        "word count",
        {64: None, 128: None},
    )


def test_a_service_that_hangs_up_leaves_the_word_count():
    class Gone(Service):
        def post(self, *_, **__):
            raise httpx.ConnectError("refused")

    assert plan_prompts(Gone(), spec(64), "max_tokens", "run")[0] == "word count"
    assert settle(Gone(), spec(64), "max_tokens") == spec(64)


def test_a_length_beyond_the_context_keeps_the_estimate():
    def odd(tokens):
        return (200, {"usage": {"prompt_tokens": tokens}}) if tokens < 500 else (400, None)

    service = Service(odd=odd)
    _, plans = plan_prompts(service, spec(4096), "max_tokens", "run")
    text = Prompts(plans[4096], salt="s", seed="d").text("measured", 0)
    assert abs(service.tokens(text) + TEMPLATE - 4096) <= 40


def test_few_requests_and_no_text_twice():
    service = Service(TOKENIZERS["uneven"])
    plan_prompts(service, spec(128, 512, 2048, 4096), "max_tokens", "run")
    assert len(service.completions()) <= 4 + 4 * 3
    assert len(set(service.texts)) == len(service.texts)
    assert all(body["max_tokens"] == 1 for body in service.completions())


def test_another_run_calibrates_with_other_prompts():
    one, two = Service(), Service()
    plan_prompts(one, spec(128), "max_tokens", "run1")
    plan_prompts(two, spec(128), "max_tokens", "run2")
    assert not {text[:64] for text in one.texts if len(text) > 64} & {
        text[:64] for text in two.texts
    }


def test_a_price_needs_longer_texts_to_cost_more():
    assert price((10, 25, 25 + 3 * 32, 36)) == Prices(10.0, 1.0, 3.0, 1.0)
    assert price((10, 10, 50, 36)) is None
    assert price((10, 25, 25, 36)) is None
    assert price((10, 25, 90, 9)) is None


def test_the_nearest_of_the_measured_plans_is_kept():
    readings = iter([90, 140, 97, 60])
    measured = []

    def ruler(text):
        measured.append(text)
        return next(readings)

    plan = Fitter(ruler, Prices(10.0, 1.0, 4.0, 1.0), "s").fit(100, PromptPlan(0, 0, 0))
    assert len(measured[2].split()) == 1 + plan.head + 3 * plan.units + plan.letters
    assert plan.head == HEAD


@pytest.mark.parametrize(
    ("refuse", "kept"),
    [
        ((), {"ignore_eos", "top_k"}),
        (("ignore_eos",), {"min_tokens", "top_k"}),
        (("ignore_eos", "min_tokens"), {"top_k"}),
        (("top_k",), {"ignore_eos"}),
        (("ignore_eos", "top_k"), {"min_tokens"}),
        (("ignore_eos", "top_k", "min_tokens"), set()),
    ],
)
def test_parameters_that_the_service_refuses_are_not_sent_again(refuse, kept):
    service = Service(refuse=refuse)
    settled = settle(service, spec(64), "max_tokens")
    plan_prompts(service, settled, "max_tokens", "run")
    sent = service.completions()[-1]
    assert set(sent) & {"ignore_eos", "min_tokens", "top_k"} == kept
    assert not set(sent) & set(refuse)


def test_what_was_not_asked_for_is_not_tried():
    service = Service(refuse=("top_p",))
    perf = spec(64, sampling=Sampling(ignore_eos=False, top_k=None))
    assert settle(service, perf, "max_tokens") == perf
    assert len(service.bodies) == 1


def test_an_error_of_another_kind_is_no_refusal():
    service = Service(odd=lambda tokens: (503, None))
    assert settle(service, spec(64), "max_tokens") == spec(64)
    assert len(service.bodies) == 1
