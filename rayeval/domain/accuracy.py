"""准确率的名词：题（Item）、分片（Shard）、答（Answer）、分（Accuracy）。"""

from __future__ import annotations

from dataclasses import dataclass, field

from pydantic import Field, model_validator

from rayeval.domain.model import Model
from rayeval.domain.service import Endpoint

KINDS: tuple[str, ...] = ("parsed", "unparsed", "truncated", "reasoning_only", "empty")
"""没有出错的回复的几类：读得出字母；读不出；因长度截断而读不出；只有推理；什么也没有。"""
SIGNIFICANCE = 0.05
"""配对检验的水平。"""


class AccuracySpec(Model):
    """一个准确率档位。"""

    benchmark: str = Field(
        default="gpqa",
        pattern="^(gpqa|mmlu)$",
        description="gpqa, or mmlu (columns Question, A to D, Answer, Subject)",
    )
    dataset: str = Field(
        default="",
        description=(
            "CSV file with the questions, relative to the profile's file, or an http(s) URL, which "
            "is fetched once and cached; required unless there is a runner or results"
        ),
    )
    dataset_name: str = Field(
        default="gpqa",
        description="name used in outputs; anything but gpqa for data that is not GPQA",
    )
    sha256: str | None = Field(
        default=None,
        pattern="^[0-9a-fA-F]{64}$",
        description="checksum that the file must have, 64 hexadecimal digits",
    )
    num_examples: int | None = Field(
        default=None, ge=1, description="sample so many questions; all when null"
    )
    n_repeats: int = Field(default=1, ge=1, description="times that the whole list is asked")
    debug: bool = Field(default=False, description="marks the output files with _DEBUG")
    max_tokens: int = Field(default=128, ge=1, description="limit of one answer, tokens")
    temperature: float = Field(default=0.6, ge=0, description="sampling temperature")
    shards: int = Field(default=2, ge=1, description="remote tasks that share the questions")
    threads: int = Field(default=8, ge=1, description="requests in flight, over all shards")
    timeout_s: float = Field(default=600.0, gt=0, description="limit of one request, seconds")
    max_retries: int = Field(
        default=5, ge=0, description="retries of one question on 429, 5xx and transport errors"
    )
    system_message: str | None = Field(default=None, description="system message; none by default")
    template_file: str | None = Field(
        default=None,
        description="prompt template file, or a simple-evals checkout; our own wording when null",
    )
    min_score: float | None = Field(
        default=None, ge=0, le=1, description="score below which the gate fails"
    )
    include_questions: bool = Field(
        default=False,
        description="keep question text in the outputs; leave off for data with a canary (GPQA)",
    )
    max_error_ratio: float = Field(
        default=0.05,
        ge=0,
        le=1,
        description="share of failed requests beyond which the score is invalid",
    )
    runner: tuple[str, ...] = Field(
        default=(),
        description=(
            "command of an external simple-evals checkout, an argv list; {base_url}, {model}, "
            "{examples}, {repeats}, {python} and {out} are filled in, the key is in OPENAI_API_KEY"
        ),
    )
    runner_timeout_s: float = Field(default=14400.0, gt=0, description="limit of runner, seconds")
    results: str | None = Field(
        default=None,
        description=(
            "where simple-evals results lie: a .json or .html file, or a directory, in which the "
            "newest counts; with a runner only what it wrote, by default in {out}"
        ),
    )

    @model_validator(mode="after")
    def _has_a_source(self) -> AccuracySpec:
        """题目从数据集来，或分数从别人的结果来；总得有一样。"""
        if not self.dataset and not self.external:
            raise ValueError("dataset: required field, unless runner or results is given")
        return self

    @model_validator(mode="after")
    def _fills_the_command(self) -> AccuracySpec:
        """命令里的 {examples} 要有数可填。"""
        if self.num_examples is None and any("{examples}" in word for word in self.runner):
            raise ValueError("runner: {examples} needs num_examples; set it, or leave it out")
        return self

    @property
    def external(self) -> bool:
        """分数取自 simple-evals 自己的输出，不由我们提问。"""
        return bool(self.runner) or self.results is not None


@dataclass(frozen=True, slots=True)
class Item:
    """一道要问的题：全局序号、原题号、第几遍、题面、打乱后的四个选项、正确字母。

    `index` 是在整个题单（含重复）里的位置，分片与重试都不改变它。
    """

    index: int
    example: int
    repeat: int
    question: str = field(repr=False)
    options: tuple[str, str, str, str] = field(repr=False)
    permutation: tuple[int, int, int, int]
    correct: str
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Exam:
    """驱动端出好的一份卷：题单、措辞、身份；分片之前就定了，分片数不影响它。

    `prompt` 是 simple_evals、rayeval 或 custom；`identity` 是决定“同一场考试”的各项，
    `answered` 是中断的那次已经答好的（不带长文本），不再问。
    """

    items: tuple[Item, ...] = field(repr=False)
    template: str = field(repr=False)
    prompt: str
    dataset_sha256: str = ""
    identity: tuple[tuple[str, str], ...] = ()
    answered: tuple[Answer, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class Shard:
    """题单中连续的一段，与问它所需的一切。"""

    index: int
    items: tuple[Item, ...] = field(repr=False)
    endpoint: Endpoint
    spec: AccuracySpec
    template: str
    threads: int
    max_tokens_field: str = "max_tokens"
    reasoning_keys: tuple[str, ...] = ("reasoning_content", "reasoning")


@dataclass(frozen=True, slots=True)
class Answer:
    """一道题的回答与两种判分。

    `simple_evals` 与 `robust` 是各自抽出的字母（None 为没抽到）；
    `error_class` 非空表示请求最终失败，按 0 分计入分母。`chars` 是回复全文的字符数：
    不许留题面时，`prompt`、`reasoning` 为空，`reply` 只剩末行。
    `rate_limited` 是服务让我们等（429）的次数。
    """

    index: int
    example: int
    repeat: int
    correct: str
    prompt: str
    reply: str
    reasoning: str
    simple_evals: str | None
    robust: str | None
    finish_reason: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    duration_s: float
    attempts: int
    error_class: str | None = None
    error_message: str = ""
    domain: str = ""
    chars: int = 0
    kind: str = "parsed"
    shard: int = 0
    rate_limited: int = 0


@dataclass(frozen=True, slots=True)
class DomainScore:
    """一个领域的分数；`n` 是题次数，`std` 为总体标准差，区间同全体的算法。"""

    name: str
    n: int
    examples: int
    score: float
    std: float
    stderr: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Paired:
    """与基线同一批题次的配对比较。

    `lost` 是基线对而这次错的题次，`won` 反之；`difference` 是这次减基线的分差，
    `low`、`high` 是它按原题聚类的 95 % 区间；`p_value` 是 McNemar 检验的双侧 p 值，
    `method` 说用的是哪一种（exact：每题只问一遍；clustered：问了多遍）。
    """

    baseline: str
    n: int
    examples: int
    both_right: int
    lost: int
    won: int
    both_wrong: int
    difference: float
    stderr: float
    low: float
    high: float
    p_value: float
    method: str

    @property
    def significant(self) -> bool:
        """差别不像是碰巧：双侧 5 %。"""
        return self.p_value < SIGNIFICANCE


@dataclass(frozen=True, slots=True)
class Accuracy:
    """一次准确率测量的结论；分数与各比率都在 0 到 1 之间，分母总是全部题次。

    `std` 是总体标准差（simple-evals 的定义）；`stderr` 按原题聚类；
    `low`、`high` 是 95 % 区间；`prompt` 是 simple_evals、rayeval 或 custom；
    `mean_chars`、`std_chars` 是回复长度（字符）的均值与总体标准差；
    `outcomes` 把全部题次分成互不相交的几类（KINDS 与各错误类），和为 n；
    `resumed` 是取自中断的那次的题次；`by_category` 是输出按大类列分（MMLU 的形状）；
    `source` 是谁问的：rayeval，或 simple-evals（读它的输出）。
    """

    dataset_name: str
    prompt: str
    n: int
    examples: int
    repeats: int
    score: float
    std: float
    stderr: float
    low: float
    high: float
    robust_score: float
    unparsed_ratio: float
    truncated_ratio: float
    error_ratio: float
    mean_chars: float
    debug: bool
    valid: bool
    min_score: float | None
    errors: tuple[tuple[str, int], ...] = ()
    std_chars: float = 0.0
    by_category: bool = False
    dataset_sha256: str = ""
    outcomes: tuple[tuple[str, int], ...] = ()
    domains: tuple[DomainScore, ...] = ()
    paired: Paired | None = None
    resumed: int = 0
    rate_limited: int = 0
    source: str = "rayeval"

    @property
    def ok(self) -> bool:
        """有效，且不低于 min_score（相等算达到）。"""
        return self.valid and (self.min_score is None or self.score >= self.min_score)

    @property
    def reached(self) -> bool | None:
        """达没达到 min_score；有效而没有定下 min_score 的，无所谓达到，为 None。"""
        return None if self.ok and self.min_score is None else self.ok
