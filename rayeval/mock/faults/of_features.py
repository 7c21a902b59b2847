"""故障表：工具调用、结构化输出与推理。"""

from __future__ import annotations

from rayeval.mock.faults import asks, checks, chunks, plans, schema, tools
from rayeval.mock.faults.fault import Fault

TOOLS: tuple[Fault, ...] = (
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

GUIDED: tuple[Fault, ...] = (
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

REASONING: tuple[Fault, ...] = (
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
