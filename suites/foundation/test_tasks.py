import pytest


@pytest.mark.evaluation(
    task="evals/foundation/facts/task.yaml",
    requirement="Business: of four answers to a question of general knowledge, the right one is the likeliest.",
)
def test_facts(): ...


@pytest.mark.evaluation(
    task="evals/foundation/prose/task.yaml",
    margin=0.1,
    requirement="Non-functional: plain English is foreseen as well as before, whatever was done to make it cheaper.",
)
def test_prose(): ...
