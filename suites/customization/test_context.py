"""How long a context may be before what stands in it is lost."""

import asyncio

import pytest

from harness import Measure, Needles

LENGTHS = (256, 512, 1024)
SHARE = 0.85
ANSWER = 24
CASES = Needles.cases(count=3)


def planted(needles, case):
    """The prompts of a case, all of them before any is asked."""
    return [needles.plant(case.task, tokens, case.depth, case.seed) for tokens in LENGTHS]


async def scores(model, needles, case):
    """What the answers at each length are worth, by the length's name."""
    prompts = planted(needles, case)
    answers = await asyncio.gather(*(model.ask(each.prompt, max_tokens=ANSWER, temperature=0) for each in prompts))
    return {each.metric: each.score(answer) for each, answer in zip(prompts, answers, strict=True)}


@pytest.mark.evaluation(
    cases=CASES,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: a needle stands whole where it is looked for, in as many tokens as are said.",
)
def test_planted(needles, weights, case):
    """Counted and found here again, in the chat as the version's template writes it."""
    for needle in planted(needles, case):
        chat = weights.chat([{"role": "user", "content": needle.prompt}])
        tokens = len(weights.tokenizer.encode(chat, special=True, adds=False))
        assert needle.tokens - 40 < tokens <= needle.tokens, f"{tokens} tokens, and not {needle.tokens}"
        text = needle.prompt.split("\n\n")[0].removeprefix("Read this text. ")
        missing = [fact for fact in needle.facts if fact not in text]
        assert not missing, f"{missing[0]!r} is not in the text"
        first = needle.facts[0]
        depth = text.index(first) / (len(text) - len(first))
        # As near as sentences end, and the facts that stand before it let it be.
        assert abs(depth - needle.depth) < 48 / needle.tokens, f"at {depth:.0%}, and not at {needle.depth:.0%}"
        listed = " ".join([*needle.others, *needle.expected])
        assert needle.score(" ".join(needle.expected)).value == 1, "the right answer is not worth 1"
        assert not needle.others or needle.score(listed).value < 1, "whoever lists everything is right"


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    design="fixed",
    requirement="Business: what a long text says is found in it, wherever it stands.",
)
async def test_needles(model, needles, case):
    return await scores(model, needles, case)


@pytest.mark.evaluation(
    cases=CASES,
    samples=1,
    design="fixed",
    threshold=0.0,
    margin=0.001,
    requirement=f"Business: of what is found in a short text, {SHARE:.0%} at least is found in a longer one.",
)
async def test_effective_length(model, needles, case):
    """The score less that share of the short one's, by length: 0 where the ratio of both means is the share.

    The rule is that of NoLiMa (Modarressi and others 2025), for means that are shown, and not only measured.
    """
    short, *longer = (await scores(model, needles, case)).items()
    return {
        metric: Measure(score.value - SHARE * short[1].value, "of the score", at_least=-SHARE, at_most=1.0)
        for metric, score in longer
    }
