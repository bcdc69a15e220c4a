"""Where needles stand and how long their prompts are, by the version's own tokenizer; asks no model."""

import pytest

from harness import Needles

LENGTHS = (256, 512, 1024)
CASES = Needles.cases(count=3)


@pytest.mark.evaluation(
    cases=CASES,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: a needle stands whole where it is looked for, in as many tokens as are said.",
)
def test_planted(needles, weights, case):
    """Counted and found here again, in the chat as the version's template writes it."""
    for tokens in LENGTHS:
        needle = needles.plant(case.task, tokens, case.depth, case.seed)
        chat = weights.chat([{"role": "user", "content": needle.prompt}])
        counted = len(weights.tokenizer.encode(chat, special=True, adds=False))
        assert tokens - 40 < counted <= tokens, f"{counted} tokens, and not {tokens}"
        text = needle.prompt.split("\n\n")[0].removeprefix("Read this text. ")
        missing = [fact for fact in needle.facts if fact not in text]
        assert not missing, f"{missing[0]!r} is not in the text"
        first = needle.facts[0]
        depth = text.index(first) / (len(text) - len(first))
        # As near as sentences end: these have fewer than 32 tokens.
        assert abs(depth - needle.depth) < 16 / (tokens - 64), f"at {depth:.0%}, and not at {needle.depth:.0%}"
        listed = " ".join([*needle.others, *needle.expected])
        assert needle.score(" ".join(needle.expected)).value == 1, "the right answer is not worth 1"
        assert not needle.others or needle.score(listed).value < 1, "whoever lists everything is right"
