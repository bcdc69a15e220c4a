import pytest

from harness import Score

LICENCE = "suites.data.licences:is_open"
PLANTED = {
    LICENCE: "licence",
    "url": "url",
    "text": "text",
    "gopher_repetition": "gopher_repetition",
    "gopher_quality": "gopher_quality",
    "c4": "c4",
    "fineweb": "fineweb",
}
SPARED = ("url", "language", "gopher_repetition", "gopher_quality", "c4", "fineweb")
STEPS = (*PLANTED, "language", "exact", "minhash", "pii")


def each(steps, name, threshold, requirement):
    """An evaluation for each of the steps, with the documents of its own."""
    return pytest.mark.parametrize(
        "step",
        [
            pytest.param(
                step,
                id=PLANTED.get(step, step),
                marks=pytest.mark.evaluation(
                    cases=f"evals/data/{PLANTED.get(step, step)}/{name}.jsonl",
                    cluster=False,
                    threshold=threshold,
                    margin=0.01,
                    requirement=requirement,
                ),
            )
            for step in steps
        ],
    )


@each(PLANTED, "planted", 0.98, "Non-functional: what a step is there to remove goes, and by that step.")
def test_planted(corpus, case, step):
    found = corpus[case.id]
    assert found.step == step, f"{found}; {step} must remove it, for it holds {case.get('planted', 'no open licence')}"
    assert case.get("reason") in (None, found.reason), f"{found}; the reason must be {case.reason}"


# The model of languages takes 1 of about 300 single English sentences for another's.
@each(SPARED, "spared", 0.95, "Non-functional: what only comes near a rule is not lost by it.")
def test_spared(corpus, case, step):
    found = corpus[case.id]
    assert found.step != step, f"{found}; it comes near a rule of {step} ({case.near}), and breaks none"
    steps = [each.step for each in corpus.statistics.steps]
    before = steps[: steps.index(step)] if step in steps else []
    assert found.step not in before, f"{found}; it never came to {step}, and says nothing of it"


@pytest.mark.evaluation(
    cases="evals/data/clean/cases.jsonl",
    cluster=False,
    threshold=0.998,
    margin=0.002,
    requirement="Business: no step removes sound documents, which were expensive to get.",
)
def test_clean(corpus, case):
    found = corpus[case.id]
    if not found.kept and found.step not in STEPS:
        pytest.fail(f"{found}, a step of which no evaluation knows")
    return {
        PLANTED.get(step, step): Score(float(found.step != step), None if found.kept else str(found)) for step in STEPS
    }


@pytest.mark.evaluation(
    cases="evals/data/c4/lines.jsonl",
    cluster=False,
    threshold=0.98,
    margin=0.01,
    requirement="Non-functional: a line that is no prose goes, and the lines around it stay.",
)
def test_lines(corpus, case):
    found = corpus[case.id]
    assert found.kept, f"{found}; of it one line must go ({case.planted}), and the rest stay"
    assert case.lacks not in found.after, f"{case.id!r} was kept with the line {case.lacks[:60]!r}"
    lost = [line for line in case.holds if line not in found.after]
    assert not lost, f"{case.id!r} lost the line {lost[0][:60]!r}"


@pytest.mark.evaluation(
    cases="evals/data/retention/cases.jsonl",
    cluster=False,
    design="fixed",
    about="population",
    aim="same",
    margin=0.02,
    requirement="Business: how much each step leaves of what comes in changes only where somebody decides so.",
)
def test_retention(corpus, case):
    found = corpus[case.id]
    return {"kept": float(found.kept)} | {
        f"left by {PLANTED.get(step, step)}": float(found.step != step) for step in STEPS
    }
