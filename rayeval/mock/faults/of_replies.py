"""故障表：回答的外壳、用量与正文。"""

from __future__ import annotations

from rayeval.mock.faults import asks, chunks, plans
from rayeval.mock.faults.fault import Fault

ENVELOPE: tuple[Fault, ...] = (
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

USAGE: tuple[Fault, ...] = (
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

CONTENT: tuple[Fault, ...] = (
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
