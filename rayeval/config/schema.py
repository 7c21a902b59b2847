"""各种配置文件的形状；与运行值相同的（档位、门禁、提供方）直接用 domain 的。"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import Field

from rayeval.domain.accuracy import AccuracySpec
from rayeval.domain.functional import FunctionalSpec
from rayeval.domain.model import Model
from rayeval.domain.perf import PerfSpec
from rayeval.domain.push import PushSpec
from rayeval.domain.scenario import Mode, Provider, Quant, Reasoning, Resources
from rayeval.domain.verdict import BaselineReset, GateSpec

RUN_TYPES: tuple[str, ...] = ("pr", "daily")
"""运行类型，也是默认档位的名字。"""
STAGES: tuple[str, ...] = ("functional", "perf", "accuracy")
"""用户可以开关的阶段，按次序。"""
NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""场景与提供方的名字会写进文件名与标签。"""


class ServiceSection(Model):
    """场景文件里的 service 一节。"""

    command: tuple[str, ...] | None = Field(
        default=None,
        min_length=1,
        description=(
            "mode local: argv list, never a shell string; {port}, {host}, {python}, {model} and "
            "{config_dir} are filled in"
        ),
    )
    env: dict[str, str] = Field(
        default_factory=dict, description="mode local: extra environment variables"
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="mode local: port; a free one when null"
    )
    base_url: str | None = Field(
        default=None,
        description="mode external: URL of the interface, ends in /v1; the provider's when null",
    )
    health_path: str = Field(
        default="/health", pattern="^/", description="path that answers 2xx when healthy"
    )
    startup_timeout_s: float = Field(
        default=1200.0, gt=0, description="budget from launch to two generated tokens, seconds"
    )


class KubernetesSection(Model):
    """场景文件里的 k8s 一节。"""

    manifests: tuple[str, ...] = Field(
        min_length=1,
        description=(
            "manifest files, relative to the scenario's file; ${NAME} and ${NAME:-default} in them "
            "are filled in from the environment, RAYEVAL_RUN_ID, RAYEVAL_SCENARIO, "
            "RAYEVAL_NAMESPACE, RAYEVAL_MODEL and RAYEVAL_SERVED_MODEL by rayeval"
        ),
    )
    service_name: str = Field(description="Kubernetes Service whose NodePort is used")
    kubeconfig: str | None = Field(
        default=None,
        description="kubeconfig file, relative to the scenario's file; in-cluster when null",
    )
    context: str | None = Field(default=None, description="context of the kubeconfig")
    namespace: str = Field(default="default", description="namespace that everything lives in")
    port_name: str = Field(default="http", description="name of that Service's port")
    node_port: int | None = Field(
        default=None, ge=1, le=65535, description="NodePort, when it can't be resolved"
    )
    node_host: str | None = Field(
        default=None, description="node address; looked up among the ready nodes when null"
    )
    unschedulable_s: float = Field(
        default=300.0,
        ge=0,
        description="how long a Pod may find no node before the launch fails, seconds",
    )


class ScenarioFile(Model):
    """scenarios/*.yaml：一个文件一个场景。"""

    id: str = Field(
        pattern=NAME_PATTERN, description="unique name; letters, digits, '.', '_' and '-'"
    )
    mode: Mode = Field(description="how the service is deployed")
    model: str = Field(description="model name or path, {model} in service.command")
    served_model_name: str | None = Field(
        default=None, description="name that the service lists and requests use; model when null"
    )
    quant: Quant = Field(default=Quant.NONE, description="quantization of the weights")
    provider: str | None = Field(
        default=None, description="id in providers.yaml; an anonymous one without key when null"
    )
    features: dict[str, bool] = Field(
        default_factory=dict,
        description=(
            "declared capabilities, e.g. tools, guided, reasoning, completions, logprobs, n, seed: "
            "true must work, false is not tried, absent is found out; those of your own cases "
            "start with x_"
        ),
    )
    service: ServiceSection = Field(
        default=ServiceSection(), description="how the service is started and reached"
    )
    k8s: KubernetesSection | None = Field(
        default=None, description="modes k8s-hybrid and k8s-pd: where it is deployed"
    )
    resources: Resources = Field(
        default=Resources(), description="what Ray reserves for the scenario"
    )
    reasoning: Reasoning = Field(default=Reasoning(), description="where the reasoning appears")
    labels: dict[str, str] = Field(
        default_factory=dict, description="free labels, e.g. hardware; written to the report"
    )


class StageSwitches(Model):
    """一个场景在一种运行里，哪些阶段要跑。"""

    functional: bool = Field(default=True, description="run the functional suites")
    perf: bool = Field(default=True, description="run the performance cells")
    accuracy: bool = Field(default=True, description="run the accuracy benchmark")


class Selection(Model):
    """一个场景在一种运行里怎样跑；全部缺省即“全部功能 + 同名档位”。"""

    enabled: bool = Field(
        default=True,
        description="whether this run type selects the scenario; may be a ${NAME:-false}",
        json_schema_extra={"type": ["boolean", "string"]},
    )
    optional: bool = Field(
        default=False, description="a failure to measure it does not fail the run"
    )
    stages: StageSwitches = Field(default=StageSwitches(), description="stages on or off")
    functional: str = Field(
        default="default", description="file name under tests/functional, without .yaml"
    )
    suites: tuple[str, ...] | None = Field(
        default=None, min_length=1, description="subset of the suites; the file's when null"
    )
    perf: str | None = Field(
        default=None, description="file name under tests/perf; the run type when null"
    )
    accuracy: str | None = Field(
        default=None, description="file name under tests/accuracy; the run type when null"
    )


class MatrixEntry(Model):
    """一个场景在两种运行里的选择。"""

    pr: Selection = Field(default=Selection(), description="pull-request runs")
    daily: Selection = Field(default=Selection(), description="daily runs")


class Gates(Model):
    """两种运行的门禁阈值。"""

    pr: GateSpec = Field(default=GateSpec(), description="thresholds of pull-request runs")
    daily: GateSpec = Field(default=GateSpec(), description="thresholds of daily runs")


class MatrixFile(Model):
    """matrix.yaml：场景 × 运行类型。"""

    scenarios: dict[str, MatrixEntry] = Field(
        default_factory=dict,
        description="by scenario id; a scenario that is not named runs everything",
    )
    gate: Gates = Field(default=Gates(), description="gate thresholds by run type")
    push: PushSpec = Field(
        default=PushSpec(), description="where metrics are pushed; nowhere without a URL"
    )


class ProvidersFile(Model):
    """providers.yaml：acs-bench 的形状。"""

    providers: tuple[Provider, ...] = Field(default=(), description="the providers; ids are unique")


class ResetsFile(Model):
    """baseline_resets.yaml：基线重置的账，只添不改，与代码一样要人复核。"""

    resets: tuple[BaselineReset, ...] = Field(
        default=(), description="each one discards the older baselines of a scenario"
    )


@dataclass(frozen=True, slots=True)
class FileKind:
    """一种配置文件：名字、在配置目录里的样子、形状、一句英文说明。"""

    name: str
    pattern: str
    shape: type[Model]
    about: str


KINDS: tuple[FileKind, ...] = (
    FileKind(
        "matrix",
        "matrix.yaml",
        MatrixFile,
        "Which scenario runs what, for pull requests and every day, and the gate's thresholds.",
    ),
    FileKind(
        "providers",
        "providers.yaml",
        ProvidersFile,
        "Who serves the requests: key, URL and model name, in the shape of acs-bench.",
    ),
    FileKind(
        "scenario",
        "scenarios/*.yaml",
        ScenarioFile,
        "One service under test: how to get it, what it claims to do, what it occupies.",
    ),
    FileKind(
        "functional",
        "tests/functional/*.yaml",
        FunctionalSpec,
        "A functional profile: suites, time-outs and boundary values.",
    ),
    FileKind(
        "perf",
        "tests/perf/*.yaml",
        PerfSpec,
        "A performance profile: a cell is input_length × output_length × concurrency.",
    ),
    FileKind(
        "accuracy",
        "tests/accuracy/*.yaml",
        AccuracySpec,
        "An accuracy profile: dataset, sampling and the score that must be reached.",
    ),
    FileKind(
        "baseline_resets",
        "baseline_resets.yaml",
        ResetsFile,
        "Baselines that no longer count, since when, why and by whom; reviewed like code.",
    ),
)
"""全部文件种类；参考文档与 JSON Schema 由此生成。"""
