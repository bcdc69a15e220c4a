"""The question that matters: does the corpus make the better model? The same tiny one, on as many tokens of either."""

import pytest

import harness

SEEDS = "evals/data/ablation/seeds.jsonl"
# Margins: cleaning is worth 0.07 to 0.11 nats a byte and a tenth of the questions here. Five seeds show no less than
# 0.04 and 0.05 of two corpora that make the very same models, for they can't tell what other seeds would do.
QUESTIONS = {"held_out": "evals/data/ablation/held_out.jsonl", "cloze": "evals/data/ablation/cloze.jsonl"}


@pytest.mark.evaluation(
    cases=SEEDS,
    aim="lower",
    margin=0.05,
    requirement="Business: what is done to the documents makes the model better, or no worse.",
)
def test_held_out_loss(ablation, case: harness.Case) -> harness.Measure:
    trained = ablation.train(case.seed, **QUESTIONS)
    return harness.Measure(trained.loss, "nats/byte", higher_is_better=False)


@pytest.mark.evaluation(
    cases=SEEDS,
    margin=0.1,
    requirement="Business: what is done to the documents makes the model better, or no worse.",
)
def test_cloze(ablation, case: harness.Case) -> harness.Measure:
    trained = ablation.train(case.seed, **QUESTIONS)
    return harness.Measure(trained.cloze, "of questions", higher_is_better=True)
