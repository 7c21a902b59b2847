"""全部故障，一行一种；`--fault NAME` 从这里找。"""

from __future__ import annotations

import difflib
from http import HTTPStatus

from rayeval.mock import fault_asks as asks
from rayeval.mock import fault_checks as checks
from rayeval.mock import fault_chunks as chunks
from rayeval.mock import fault_plans as plans
from rayeval.mock import fault_schema as schema
from rayeval.mock import fault_tools as tools
from rayeval.mock import fault_wires as wires
from rayeval.mock.fault import Dose, Fault

_OK, _BAD = HTTPStatus.OK, HTTPStatus.BAD_REQUEST
_ENVELOPE = (
    Fault(
        "role_missing",
        "no chunk or message carries a role",
        rewrite=chunks.each(chunks.without("role")),
    ),
    Fault(
        "object_wrong",
        "object is not the kind that the interface names",
        rewrite=chunks.each(chunks.kind_wrong),
    ),
    Fault("id_changes", "every chunk of a stream has an id of its own", rewrite=chunks.id_changes),
    Fault("index_constant", "every choice has index 0", rewrite=chunks.each(chunks.index_constant)),
    Fault("done_missing", "a stream ends without data: [DONE]", rewrite=chunks.done_missing),
    Fault(
        "finish_missing", "finish_reason is always null", rewrite=chunks.each(chunks.finish_missing)
    ),
    Fault(
        "finish_repeated",
        "every chunk has a finish_reason",
        rewrite=chunks.each(chunks.finish_repeated, stream=True),
    ),
    Fault(
        "finish_early",
        "text comes with and after the finish_reason",
        rewrite=chunks.each(chunks.text_after_finish, stream=True),
    ),
    Fault(
        "finish_unknown",
        "finish_reason is eos, a word of the engine",
        plan=plans.finish({"*": "eos"}),
    ),
    Fault(
        "finish_length_as_stop",
        "finish_reason is stop where the limit ended the answer",
        plan=plans.finish({"length": "stop"}),
    ),
    Fault(
        "finish_stop_as_length",
        "finish_reason is length where a stop sequence ended the answer",
        plan=plans.each_choice(plans.stop_as_length),
    ),
    Fault(
        "finish_tools_as_stop",
        "finish_reason is stop where tools were called",
        plan=plans.finish({"tool_calls": "stop"}),
    ),
    Fault(
        "finish_stop_as_tools",
        "finish_reason is tool_calls where no tool was called",
        plan=plans.finish({"stop": "tool_calls"}),
    ),
)
_USAGE = (
    Fault("usage_missing", "no usage", rewrite=chunks.each(chunks.without_usage)),
    Fault(
        "usage_per_chunk",
        "completion_tokens counts the chunks of a stream",
        rewrite=chunks.usage_per_chunk,
    ),
    Fault(
        "usage_total_wrong",
        "total_tokens is not the sum",
        rewrite=chunks.each(chunks.usage(lambda u: {"total_tokens": u["total_tokens"] + 1})),
    ),
    Fault(
        "usage_over_limit",
        "completion_tokens is above max_tokens",
        rewrite=chunks.each(
            chunks.usage(
                lambda u: {
                    "completion_tokens": u["completion_tokens"] * 3,
                    "total_tokens": u["total_tokens"] + 2 * u["completion_tokens"],
                }
            )
        ),
    ),
    Fault(
        "usage_stream_differs",
        "a stream has other prompt_tokens than the whole answer",
        rewrite=chunks.each(
            chunks.usage(
                lambda u: {
                    "prompt_tokens": u["prompt_tokens"] + 3,
                    "total_tokens": u["total_tokens"] + 3,
                }
            ),
            stream=True,
        ),
    ),
    Fault(
        "usage_without_reasoning",
        "completion_tokens leaves the reasoning out",
        rewrite=chunks.each(chunks.usage(chunks.reasoning_uncounted)),
    ),
    Fault(
        "usage_reasoning_over",
        "reasoning_tokens is above completion_tokens",
        rewrite=chunks.each(chunks.usage(chunks.reasoning_over)),
    ),
    Fault("history_ignored", "only the last user message is read", ask=asks.history_forgotten),
)
_CONTENT = (
    Fault("content_blank", "the content is blank", plan=plans.content_blank),
    Fault(
        "code_points_split",
        "characters cut between two tokens become U+FFFD in a stream",
        plan=plans.stream_only(plans.code_points_split),
    ),
    Fault(
        "code_points_split_whole",
        "characters cut between two tokens become U+FFFD",
        plan=plans.code_points_split,
    ),
    Fault(
        "last_piece_lost",
        "the last token of a stream is lost",
        plan=plans.stream_only(plans.last_piece_lost),
    ),
    Fault(
        "prompt_list_cut",
        "only the first of a list of prompts is answered",
        ask=asks.first_prompt_only,
    ),
)
_IGNORED = (
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
_TOOLS = (
    Fault("tools_ignored", "tools has no effect", ask=asks.without("tools", "tool_choice")),
    Fault("tool_choice_ignored", "tool_choice has no effect", ask=asks.without("tool_choice")),
    Fault("tool_choice_none_ignored", "tool_choice none calls a tool", ask=asks.forced_tool),
    Fault(
        "tool_choice_required_ignored",
        "tool_choice required is auto",
        ask=asks.only_choice("required"),
    ),
    Fault(
        "tool_choice_named_ignored", "a named tool_choice is auto", ask=asks.only_choice("named")
    ),
    Fault(
        "tool_result_ignored",
        "the tool is called again after its result",
        ask=asks.results_forgotten,
    ),
    Fault("tool_arguments_cut", "the arguments lose their last token", plan=tools.arguments_cut),
    Fault(
        "tool_arguments_cut_in_stream",
        "the arguments of a stream lose their last token",
        plan=plans.stream_only(tools.arguments_cut),
    ),
    Fault(
        "tool_arguments_off_schema",
        "the arguments have other types than the schema says",
        plan=tools.arguments_off_schema,
    ),
    Fault("tool_arguments_null", "the arguments are null", plan=tools.arguments_not_object),
    Fault(
        "tool_arguments_object",
        "the arguments are an object, not text",
        rewrite=chunks.each(chunks.call_fields(chunks.arguments_as_object)),
    ),
    Fault(
        "tool_index_constant",
        "parallel calls have the same index",
        plan=plans.stream_only(tools.index_constant),
    ),
    Fault(
        "tool_index_from_one",
        "the index of calls begins at 1",
        plan=plans.stream_only(tools.index_from_one),
    ),
    Fault("tool_id_missing", "calls have no id", plan=tools.id_empty),
    Fault("tool_id_shared", "parallel calls have the same id", plan=tools.id_shared),
    Fault(
        "tool_type_missing",
        "calls have no type",
        rewrite=chunks.each(chunks.call_fields(chunks.type_missing)),
    ),
    Fault(
        "tool_name_unknown", "a function is called that was not offered", plan=tools.name_unknown
    ),
    Fault(
        "tool_name_swapped", "another of the offered functions is called", plan=tools.name_swapped
    ),
    Fault("tool_calls_merged", "one of several parallel calls comes", plan=tools.calls_merged),
    Fault(
        "tool_calls_unparsed",
        "the call stays in the content as the model wrote it",
        plan=tools.calls_unparsed,
    ),
)
_GUIDED = (
    Fault(
        "response_format_ignored",
        "response_format has no effect",
        ask=asks.without("response_format"),
    ),
    Fault(
        "json_fenced",
        "JSON comes in a Markdown fence",
        plan=plans.guided_wrapped("```json\n", "\n```"),
    ),
    Fault(
        "json_followed",
        "text follows the JSON",
        plan=plans.guided_wrapped("", "\nI hope this helps!"),
    ),
    Fault("json_cut", "JSON ends early, with finish_reason stop", plan=plans.guided_cut),
    Fault("json_in_reasoning", "JSON comes in the reasoning field", plan=plans.guided_in_reasoning),
    Fault("schema_unchecked", "an impossible schema is ignored", forgive=checks.accepts_schemas),
    *(
        Fault(
            f"schema_{name}_ignored",
            f"the schema keyword {name} has no effect",
            plan=schema.ignored(name),
        )
        for name in schema.KEYWORDS
    ),
)
_REASONING = (
    Fault("reasoning_missing", "no reasoning", plan=plans.reasoning_missing),
    Fault("reasoning_blank", "the reasoning is blank", plan=plans.reasoning_blank),
    Fault(
        "reasoning_in_content",
        "the reasoning is in the content, with its tags",
        plan=plans.reasoning_in_content,
    ),
    Fault("reasoning_last", "the reasoning comes after the answer", plan=plans.reasoning_last),
    Fault(
        "reasoning_unfinished_in_content",
        "reasoning cut by the limit goes into the content",
        plan=plans.unfinished_reasoning_in_content,
    ),
    Fault("answer_missing", "nothing follows the reasoning", plan=plans.answer_missing),
    Fault(
        "reasoning_lost_in_stream",
        "a stream has less reasoning than the whole answer",
        plan=plans.stream_only(plans.reasoning_cut),
    ),
    Fault(
        "reasoning_in_history_refused",
        "a message with a reasoning field is refused",
        ask=asks.extra_fields_refused,
    ),
)
_CHECKS = (
    Fault("range_unchecked", "values out of range are accepted", forgive=checks.accepts("range")),
    Fault("types_unchecked", "values of wrong types are accepted", forgive=checks.accepts("type")),
    Fault(
        "shapes_unchecked",
        "malformed and missing fields are accepted",
        forgive=checks.accepts_shapes,
    ),
    Fault("model_unchecked", "an unknown model is answered", forgive=checks.accepts("model")),
    Fault(
        "context_cut", "what overflows the context is cut silently", forgive=checks.cuts_overflow
    ),
    Fault("edges_refused", "the ends of ranges are refused", ask=asks.edges_refused),
    Fault("nulls_refused", "a null parameter is refused", ask=asks.nulls_refused),
    Fault(
        "lists_refused",
        "a list for stop or content is refused",
        ask=asks.lists_refused,
    ),
    Fault(
        "unicode_stop_refused",
        "a stop sequence that is not ASCII is refused",
        ask=asks.unicode_refused,
    ),
)
_ERRORS = (
    Fault(
        "error_500",
        "500 for what should be 400",
        refusal=checks.rewritten(dict, status=HTTPStatus.INTERNAL_SERVER_ERROR),
    ),
    Fault(
        "error_200",
        "an error object with the status 200",
        refusal=checks.rewritten(checks.without_field("code"), status=_OK),
    ),
    Fault(
        "error_plain",
        "an error is plain text",
        refusal=checks.rewritten(lambda _: b"Bad Request", kind="text/plain"),
    ),
    Fault("error_blank", "an error has no body", refusal=checks.rewritten(lambda _: b"")),
    Fault(
        "error_untyped",
        "an error object has no type",
        refusal=checks.rewritten(checks.without_field("type")),
    ),
    Fault(
        "error_flat",
        "an error's message is not in an error object",
        refusal=checks.rewritten(lambda body: body["error"]),
    ),
)
_WIRES = (
    Fault(
        "error_after_200",
        "an error object in the stream, after the status 200",
        rewrite=chunks.error_after_200,
        blunt=True,
    ),
    Fault("content_type_wrong", "every answer is text/plain", sink=wires.plain),
    Fault(
        "json_garbled",
        "every JSON document lacks its last bracket",
        sink=wires.whole(wires.garbled),
        blunt=True,
    ),
    Fault("empty_200", "200 with an empty body", sink=wires.whole(lambda _: b""), blunt=True),
    Fault(
        "gzip_unannounced",
        "a gzip body without Content-Encoding",
        sink=wires.whole(wires.compressed),
        blunt=True,
    ),
    Fault(
        "connection_reset", "the connection is reset in the middle", sink=wires.reset, blunt=True
    ),
    Fault("hang", "no byte comes", plan=plans.hanging, blunt=True),
    Fault(
        "stall", "the stream stops after two tokens, still open", plan=plans.stalling, blunt=True
    ),
    Fault("slow_drip", "one token in three seconds", plan=plans.dripping(3.0), blunt=True),
    Fault(
        "http_503",
        "503, overloaded",
        ask=asks.unavailable(HTTPStatus.SERVICE_UNAVAILABLE),
        blunt=True,
    ),
    Fault(
        "http_429",
        "429, too many requests",
        ask=asks.unavailable(HTTPStatus.TOO_MANY_REQUESTS),
        blunt=True,
    ),
    Fault("dies", "the process dies when it should answer", sink=wires.dying, blunt=True),
    Fault(
        "dies_when_left",
        "the process dies when a client leaves in mid-stream",
        plan=plans.dripping(0.0005),
        left=wires.die,
        blunt=True,
    ),
)
FAULTS: tuple[Fault, ...] = (
    *_ENVELOPE,
    *_USAGE,
    *_CONTENT,
    *_IGNORED,
    *_TOOLS,
    *_GUIDED,
    *_REASONING,
    *_CHECKS,
    *_ERRORS,
    *_WIRES,
)


def find(name: str) -> Fault:
    """叫这个名字的故障；没有则抛 ValueError，附上最像的。"""
    known = {fault.name: fault for fault in FAULTS}
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else "see --list-faults"
    raise ValueError(f"no fault is called {name!r}; {hint}")


def dose(text: str) -> Dose:
    """`NAME`、`NAME:every=2`、`NAME:after=10,every=5,burst=2` → Dose；写错抛 ValueError。"""
    name, _, rest = text.partition(":")
    values = {"every": 1, "after": 0, "burst": 1}
    for part in filter(None, rest.split(",")):
        key, _, value = part.partition("=")
        if key not in values or not value.isascii() or not value.isdigit():
            raise ValueError(f"{text!r}: write NAME, or NAME:every=N,after=N,burst=N")
        values[key] = int(value)
    if not 1 <= values["burst"] <= values["every"]:
        raise ValueError(f"{text!r}: burst must be between 1 and every={values['every']}")
    return Dose(find(name), **values)


def listing() -> str:
    """`--list-faults` 的全文：一行一种，名字与毛病。"""
    width = max(len(fault.name) for fault in FAULTS)
    return "\n".join(f"{fault.name:<{width}}  {fault.defect}" for fault in FAULTS)
