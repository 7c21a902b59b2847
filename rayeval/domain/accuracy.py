"""准确率的名词：题（Item）、分片（Shard）、答（Answer）、分（Accuracy）。"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from rayeval.domain.model import Model
from rayeval.domain.service import Endpoint


class AccuracySpec(Model):
    """一个准确率档位。"""

    benchmark: str = Field(default="gpqa", description="benchmark name, a key of BENCHMARKS")
    dataset: str = Field(description="CSV file with the questions; relative to the profile's file")
    dataset_name: str = Field(
        default="gpqa",
        description="name used in outputs; anything but gpqa for data that is not GPQA",
    )
    sha256: str | None = Field(default=None, description="checksum that the file must have")
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


@dataclass(frozen=True, slots=True)
class Item:
    """一道要问的题：全局序号、原题号、第几遍、题面、打乱后的四个选项、正确字母。

    `index` 是在整个题单（含重复）里的位置，分片与重试都不改变它。
    """

    index: int
    example: int
    repeat: int
    question: str
    options: tuple[str, str, str, str]
    permutation: tuple[int, int, int, int]
    correct: str
    domain: str = ""


@dataclass(frozen=True, slots=True)
class Shard:
    """题单中连续的一段，与问它所需的一切。"""

    index: int
    items: tuple[Item, ...]
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
    `error_class` 非空表示请求最终失败，按 0 分计入分母。
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


@dataclass(frozen=True, slots=True)
class Accuracy:
    """一次准确率测量的结论；分数与各比率都在 0 到 1 之间，分母总是全部题次。

    `std` 是总体标准差（simple-evals 的定义）；`stderr` 按原题聚类；
    `low`、`high` 是 95 % 区间；`prompt` 是 simple_evals、rayeval 或 custom；
    `mean_chars`、`std_chars` 是回复长度（字符）的均值与总体标准差。
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

    @property
    def ok(self) -> bool:
        """有效，且不低于 min_score（相等算达到）。"""
        return self.valid and (self.min_score is None or self.score >= self.min_score)
