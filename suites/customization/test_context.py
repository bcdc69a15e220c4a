"""How long a context may be before what stands in it is lost."""

import asyncio

import pytest

from harness import Measure, Needles

LENGTHS = (256, 512, 1024)
SHARE = 0.85
ANSWER = 24
SINGLE = Needles.cases(("single",), count=12)
HARDER = Needles.cases(("keys", "values", "tracing"), count=4)


def planted(needles, case):
    """The prompts of a case, all of them before any is asked."""
    return [needles.plant(case.task, tokens, case.depth, case.seed) for tokens in LENGTHS]


async def scores(model, needles, case):
    """What the answers at each length are worth, by the length's name."""
    prompts = planted(needles, case)
    answers = await asyncio.gather(*(model.ask(each.prompt, max_tokens=ANSWER, temperature=0) for each in prompts))
    return {each.metric: each.score(answer) for each, answer in zip(prompts, answers, strict=True)}


@pytest.mark.evaluation(
    cases=SINGLE + HARDER,
    samples=1,
    design="fixed",
    requirement="Business: what a long text says is found in it, wherever it stands.",
)
async def test_needles(model, needles, case):
    return await scores(model, needles, case)


@pytest.fixture
def own(request):
    """Skips an evaluation of what a version can do by itself, where it is weighed against another."""
    if request.config.getoption("--baseline") != "none":
        pytest.skip("an effective length is the version's own: --baseline none (test_needles weighs it against others)")


@pytest.mark.usefixtures("own")
@pytest.mark.evaluation(
    cases=SINGLE,
    samples=1,
    design="sequential",
    about="population",
    threshold=0.0,
    margin=0.0,
    requirement=f"Business: of what is found in a short text, {SHARE:.0%} at least is found in a longer one.",
)
async def test_effective_length(model, needles, case):
    """The score less that share of the short one's, by length: above 0 where the ratio of the means is above it.

    The share is that of NoLiMa (Modarressi and others 2025). Facts like these are claimed to be found, and not these
    alone, so that chance is in which there are; a margin would let a shorter length pass than is claimed.
    """
    short, *longer = (await scores(model, needles, case)).items()
    return {
        metric: Measure(score.value - SHARE * short[1].value, "of the score", at_least=-SHARE, at_most=1.0)
        for metric, score in longer
    }
