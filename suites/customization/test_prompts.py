"""A prompt gives none of the cases away that gate it."""

import pytest

import harness

EXACT = 0.00001


def quotes_none(cases: str) -> pytest.MarkDecorator:
    """An evaluation of a prompt beside cases: it looks for them by n-grams, and asks no model."""
    return pytest.mark.evaluation(
        cases=cases,
        samples=1,
        cluster=False,
        threshold=1.0,
        margin=EXACT,
        max_samples=20_000,
        requirement="Non-functional: a prompt quotes no case that gates it, in what it asks or in its examples.",
    )


def looked_for(prompt: harness.Prompt, cases: str, case: harness.Case) -> harness.Score:
    found = prompt.contamination(cases)[case.id]
    if found.state == "too short":
        pytest.skip("has too few words to be known again")
    return harness.Score(float(not found.is_contaminated), str(found))


@quotes_none("evals/foundation")
def test_quotes_no_foundation_case(prompt: harness.Prompt, case: harness.Case) -> harness.Score:
    return looked_for(prompt, "evals/foundation", case)


@quotes_none("evals/customization")
def test_quotes_no_customization_case(prompt: harness.Prompt, case: harness.Case) -> harness.Score:
    return looked_for(prompt, "evals/customization", case)
