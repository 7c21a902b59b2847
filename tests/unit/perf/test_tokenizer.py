import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

from rayeval.client.openai import Reply
from rayeval.domain.perf import PerfSpec
from rayeval.domain.service import Endpoint
from rayeval.errors import UsageError
from rayeval.perf.calibration import plan_prompts
from rayeval.perf.prompts import Prompts
from rayeval.perf.tokenizer import load_tokenizer

CORPUS = ["the time of day and the world at night", "今天的天气怎么样？我们的城市", "about a year"]


def byte_level():
    found = Tokenizer(models.BPE())
    found.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    found.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=["<s>"], initial_alphabet=alphabet, show_progress=False
    )
    found.train_from_iterator(CORPUS, trainer)
    return found


def sentencepiece_like():
    found = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    specials = ["<unk>", "<s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=340, special_tokens=specials, show_progress=False)
    found.train_from_iterator(CORPUS, trainer)
    return found


@pytest.fixture(params=[byte_level, sentencepiece_like])
def saved(request, tmp_path):
    """一个存好的词表：会截断、会补开头，像许多真的那样。"""
    found = request.param()
    found.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", found.token_to_id("<s>"))]
    )
    found.enable_truncation(16)
    found.save(str(tmp_path / "tokenizer.json"))
    found.no_truncation()
    return tmp_path, found


def test_a_folder_and_its_file_count_the_same_whole_text(saved):
    folder, tokenizer = saved
    text = "about the world 今天 " * 30
    counts = {load_tokenizer(str(where))(text) for where in (folder, folder / "tokenizer.json")}
    assert counts == {len(tokenizer.encode(text, add_special_tokens=False).ids)}
    assert counts.pop() > 30


@pytest.mark.parametrize("content", [None, "{", '{"version": "1.0"}'])
def test_a_tokenizer_that_cannot_be_read_is_a_usage_error_that_names_it(tmp_path, content):
    file = tmp_path / "tokenizer.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=str(file)):
        load_tokenizer(str(tmp_path))


class Served:
    """用这个词表、有二十三个 token 的模板、没有 /tokenize 的服务。"""

    endpoint = Endpoint("http://h/v1", "m")

    def __init__(self, count):
        self.count, self.real = count, 0

    def post(self, path, body, **_):
        if path == "root:/tokenize":
            raise AssertionError("/tokenize was asked although a tokenizer is given")
        self.real += 1
        usage = {"prompt_tokens": self.count(body["messages"][0]["content"]) + 23}
        return Reply(200, "", {"usage": usage}, {}, 0.0)


@pytest.mark.parametrize("shared", [0, 25])
def test_the_local_tokenizer_and_the_services_template_make_the_length(saved, shared):
    folder, tokenizer = saved
    perf = PerfSpec(input_length=(96, 128, 2048), shared_prefix=shared, tokenizer=str(folder))
    served = Served(lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids))
    source, plans = plan_prompts(served, perf, "max_tokens", "run")
    assert (source, served.real) == ("tokenizer", 4)
    for length, plan in plans.items():
        prompts = Prompts(plan, salt="s", seed="d", shared="x")
        for index in range(60):
            tokens = served.count(prompts.text("measured", index)) + 23
            assert abs(tokens - length) <= max(1, 0.01 * length)


def test_a_tokenizer_of_another_model_gives_way_to_the_services_count(saved):
    folder, _ = saved
    perf = PerfSpec(input_length=(256,), tokenizer=str(folder))
    served = Served(lambda text: len(text.split()))
    source, plans = plan_prompts(served, perf, "max_tokens", "run")
    assert source.startswith("usage")
    assert "tokenizer" in source
    text = Prompts(plans[256], salt="s", seed="d").text("measured", 0)
    assert served.count(text) + 23 == 256
