"""故障表：参数被收下而没有理会，或不认。"""

from __future__ import annotations

from rayeval.mock.faults import asks, chunks, plans
from rayeval.mock.faults.fault import Fault

IGNORED: tuple[Fault, ...] = (
    Fault("seed_ignored", "seed has no effect", ask=asks.without("seed")),
    Fault("temperature_ignored", "temperature is always 1", ask=asks.changed(temperature=1.0)),
    Fault("stop_ignored", "stop has no effect", ask=asks.without("stop")),
    Fault(
        "stop_left",
        "the stop sequence is left in the answer",
        ask=asks.changed(include_stop_str_in_output=True),
    ),
    Fault("n_ignored", "n gives one choice", ask=asks.without("n")),
    Fault(
        "max_tokens_ignored",
        "the limit of tokens has no effect",
        ask=asks.without("max_tokens", "max_completion_tokens"),
    ),
    Fault(
        "logprobs_missing", "logprobs are not given", ask=asks.without("logprobs", "top_logprobs")
    ),
    Fault(
        "top_logprobs_cut",
        "top_logprobs has one entry",
        rewrite=chunks.each(
            chunks.logprobs(lambda e: e.update(top_logprobs=e["top_logprobs"][:1]))
        ),
    ),
    Fault(
        "logprobs_positive",
        "logprob is a probability, not its logarithm",
        rewrite=chunks.each(chunks.logprobs(lambda e: e.update(logprob=0.5))),
    ),
    Fault("logit_bias_ignored", "logit_bias has no effect", ask=asks.without("logit_bias")),
    Fault("completions_missing", "POST /completions is answered with 404", ask=asks.no_completions),
    Fault("echo_ignored", "echo has no effect", ask=asks.without("echo")),
    Fault("echo_alone", "echo gives the prompt and no continuation", plan=plans.echo_alone),
    Fault(
        "extensions_ignored",
        "parameters that the engines added have no effect",
        ask=asks.without(*asks.EXTENSIONS),
    ),
    Fault(
        "extensions_refused",
        "parameters that the engines added are refused by name",
        ask=asks.refused(*asks.EXTENSIONS),
    ),
    Fault(
        "penalties_refused",
        "the penalties are refused by name",
        ask=asks.refused("presence_penalty", "frequency_penalty", "repetition_penalty"),
    ),
    Fault(
        "reasoning_effort_refused",
        "reasoning_effort is refused by name",
        ask=asks.refused("reasoning_effort"),
    ),
    Fault("top_p_ignored", "top_p has no effect", ask=asks.without("top_p")),
    Fault("top_k_ignored", "top_k has no effect", ask=asks.without("top_k")),
    Fault("min_p_ignored", "min_p has no effect", ask=asks.without("min_p")),
    Fault("min_tokens_ignored", "min_tokens has no effect", ask=asks.without("min_tokens")),
    Fault("ignore_eos_ignored", "ignore_eos has no effect", ask=asks.without("ignore_eos")),
    Fault(
        "stream_options_ignored", "include_usage has no effect", ask=asks.without("stream_options")
    ),
    Fault(
        "stream_ignored",
        "a stream is answered with one JSON body",
        ask=asks.without("stream", "stream_options"),
    ),
    Fault(
        "thinking_switch_ignored",
        "chat_template_kwargs has no effect",
        ask=asks.without("chat_template_kwargs"),
    ),
)
