"""How long a context may be before what stands in it is lost."""

import asyncio

import pytest

from harness import Measure, Needles

LENGTHS = (256, 512, 1024)
SHARE = 0.85
ANSWER = 24
DEPTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
SINGLE = Needles.cases(("single",), count=12)
FACTS = [{"id": f"fact-{number}", "seed": number} for number in range(1, 61)]
HARDER = Needles.cases(("keys", "values", "tracing"), count=4)


async def found(model, prompts):
    """What the answers to some prompts are worth."""
    answers = await asyncio.gather(*(model.ask(each.prompt, max_tokens=ANSWER, temperature=0) for each in prompts))
    return [each.score(answer) for each, answer in zip(prompts, answers, strict=True)]


async def scores(model, needles, case):
    """What the answers at each length are worth, by the length's name."""
    prompts = [needles.plant(case.task, tokens, case.depth, case.seed) for tokens in LENGTHS]
    return dict(zip((each.metric for each in prompts), await found(model, prompts), strict=True))


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


def by_itself(cases, requirement):
    """An evaluation of facts like these, beside what the version finds elsewhere."""
    how = {"samples": 1, "design": "sequential", "about": "population", "threshold": 0.0, "margin": 0.0}
    return pytest.mark.evaluation(cases=cases, requirement=requirement, **how)


def beside(score, other, place):
    """A score less the share that it must reach of another."""
    reason = f"{score:.2f}, and {other:.2f} {place}"
    return Measure(score - SHARE * other, "of the score", at_least=-SHARE, at_most=1.0, reason=reason)


@pytest.mark.usefixtures("own")
@by_itself(
    SINGLE, f"Business: of what is found in {LENGTHS[0]} tokens, {SHARE:.0%} at least is found in a longer text."
)
async def test_effective_length(model, needles, case):
    """The score less that share of the short one's, by length: above 0 where the ratio of the means is above it.

    The share is that of NoLiMa (Modarressi and others 2025). Facts like these are claimed to be found, and not these
    alone, so that chance is in which there are; a margin would let a shorter length pass than is claimed. What is lost
    at the shortest length already is not counted: `test_depths` sees a part that is never read.
    """
    (least, short), *longer = (await scores(model, needles, case)).items()
    return {f"{metric} beside {least}": beside(score.value, short.value, f"in {least}") for metric, score in longer}


@pytest.mark.usefixtures("own")
@by_itself(FACTS, f"Business: at each depth {SHARE:.0%} at least is found of what is found over all depths.")
async def test_depths(model, needles, case):
    """The score at each depth of the longest text less that share of the mean over all depths: a dip is red."""
    prompts = [needles.plant("single", LENGTHS[-1], depth, case.seed) for depth in DEPTHS]
    values = [score.value for score in await found(model, prompts)]
    mean = sum(values) / len(values)
    return {
        f"depth {depth:.0%}": beside(value, mean, "over all depths")
        for depth, value in zip(DEPTHS, values, strict=True)
    }
