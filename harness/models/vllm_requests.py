"""What goes into vLLM and comes out of it, in plain data. Used in the child process that holds the engine."""

from __future__ import annotations

import math
from typing import Any

from harness.models.continuation import split_continuation


def render_prompt(engine: Any, message: dict[str, Any]) -> Any:
    """The request's prompt as the engine takes it: chat messages through the chat template, or tokens."""
    renderer = engine.renderer
    if message["kind"] == "loglikelihood":
        tokens, _ = split_continuation(renderer.get_tokenizer(), message["prompt"], message["continuation"])
        (prompt,) = renderer.render_cmpl([{"prompt_token_ids": tokens}])
    else:
        from vllm.renderers import ChatParams

        parameters = ChatParams(
            chat_template_kwargs={"add_generation_prompt": True, "continue_final_message": False, "tools": None}
        )
        _, (prompt,) = renderer.render_chat([message["messages"]], parameters)
    length, limit = len(prompt["prompt_token_ids"]), engine.model_config.max_model_len
    if length >= limit:
        raise ValueError(
            f"the prompt has {length} tokens; with at least one for the answer that is beyond max_model_len = {limit}"
        )
    return prompt


def sampling_parameters(message: dict[str, Any], defaults: dict[str, Any]) -> Any:
    """The request's sampling parameters; what it leaves open is as the model's generation config says."""
    from vllm.sampling_params import RequestOutputKind, SamplingParams, StructuredOutputsParams

    if message["kind"] == "loglikelihood":
        return SamplingParams(
            temperature=0.0,
            max_tokens=1,
            prompt_logprobs=0,
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
    wanted: dict[str, Any] = {"max_tokens": None, **defaults, **message["sampling"]}
    if message["schema"] is not None:
        wanted["structured_outputs"] = StructuredOutputsParams(json=message["schema"])
    return SamplingParams(
        n=message["n"], logprobs=message["logprobs"], output_kind=RequestOutputKind.FINAL_ONLY, **wanted
    )


def answer(message: dict[str, Any], output: Any, tokenizer: Any) -> dict[str, Any]:
    """The finished output of a request as plain data."""
    if message["kind"] == "loglikelihood":
        return _loglikelihood(message, output, tokenizer)
    choices = []
    for choice in output.outputs:
        if choice.finish_reason not in ("stop", "length"):
            return {"error": f"the engine ended the request with {choice.finish_reason!r}"}
        choices.append(
            {
                "text": choice.text,
                "finish_reason": choice.finish_reason,
                "completion_tokens": len(choice.token_ids),
                "logprobs": None if message["logprobs"] is None else _logprobs(choice, message["logprobs"], tokenizer),
            }
        )
    return {"choices": choices, "prompt_tokens": len(output.prompt_token_ids)}


def _logprobs(choice: Any, count: int, tokenizer: Any) -> list[Any]:
    """For each token: its text, its log probability and the `count` most probable alternatives."""
    entries = []
    for token, alternatives in zip(choice.token_ids, choice.logprobs, strict=True):
        ranked = sorted(alternatives.items(), key=lambda item: item[1].rank)
        top = [[tokenizer.decode([other]), entry.logprob] for other, entry in ranked if entry.rank <= count]
        entries.append([tokenizer.decode([token]), alternatives[token].logprob, top])
    return entries


def _loglikelihood(message: dict[str, Any], output: Any, tokenizer: Any) -> dict[str, Any]:
    tokens, before = split_continuation(tokenizer, message["prompt"], message["continuation"])
    entries = [output.prompt_logprobs[i][tokens[i]] for i in range(before, len(tokens))]
    return {
        "loglikelihood": math.fsum(entry.logprob for entry in entries),
        "is_greedy": all(entry.rank == 1 for entry in entries),
        "prompt_tokens": before,
        "completion_tokens": len(entries),
    }
