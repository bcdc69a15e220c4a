import bisect

import pytest

ANSWER = 16


def tokens_of(weights, messages):
    """How many tokens a chat has as the model is given it."""
    return len(weights.tokenizer.encode(weights.chat(messages), special=True, adds=False))


def filled(case, weights):
    """The case's chat with as much text before its question as fills its share of the window, but for the answer."""
    room = case.share * (weights.description.in_engine.sizes.n_ctx - ANSWER)

    def with_words(count):
        words = (case.text.split() * (count // len(case.text.split()) + 1))[:count]
        return [{"role": "user", "content": " ".join([*words, case.prompt])}]

    most = bisect.bisect_right(range(round(room)), room, key=lambda count: tokens_of(weights, with_words(count))) - 1
    return with_words(max(most, 0))


@pytest.mark.evaluation(
    cases="evals/inference/windows/cases.jsonl",
    samples=1,
    design="fixed",
    threshold=0.8,
    margin=0.1,
    requirement="Non-functional: a long question is read to its end, up to the last token of the window.",
)
async def test_long_context(model, weights, case):
    messages = filled(case, weights)
    answer = await model.chat(messages, max_tokens=ANSWER, temperature=0)
    sent = tokens_of(weights, messages)
    assert answer.prompt_tokens == sent, f"{answer.prompt_tokens} of {sent} tokens were read"
    assert answer.completion_tokens, "nothing was answered"
