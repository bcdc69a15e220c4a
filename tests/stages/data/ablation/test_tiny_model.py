from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from harness.stages.data.ablation.drawing import draw_tokens
from harness.stages.data.ablation.plan import END, AblationPlan
from harness.stages.data.ablation.questions import ClozeItem
from harness.stages.data.ablation.tiny_model import cloze_scores, credit, held_out_loss, make_model, train
from harness.stages.data.ablation.vocabulary import BytePairVocabulary
from tests.libraries import needed
from tests.stages.data.ablation.conftest import articles

PLAN = AblationPlan(tokens=4096, hidden=32, intermediate=64, layers=1, context=32, batch=2)
torch = needed("torch")
TEXTS = articles(20)
VOCABULARY = BytePairVocabulary([text for _, text in TEXTS], 400)


def weights(model: Any) -> list[float]:
    return [float(value) for each in model.parameters() for value in each.detach().flatten()[:5]]


def model_of(seed: int = 0) -> Any:
    return make_model(PLAN, VOCABULARY.size, seed)


def likelihood(model: Any, tokens: list[int], first: int) -> float:
    """The log likelihood of the tokens from a place on, one after the other."""
    total = 0.0
    for place in range(first, len(tokens)):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([tokens[:place]])).logits[0, -1].double()
        total += float(logits[tokens[place]] - logits.logsumexp(0))
    return total


def test_a_seed_gives_the_same_first_weights() -> None:
    assert weights(model_of(1)) == weights(model_of(1))
    assert weights(model_of(1)) != weights(model_of(2))


@pytest.mark.service
def test_a_seed_gives_the_same_trained_weights() -> None:
    found = []
    for _ in range(2):
        model = model_of()
        train(model, draw_tokens(TEXTS, 0, PLAN, VOCABULARY, "web").tokens, PLAN)
        found.append(weights(model))
    assert found[0] == found[1]
    assert found[0] != weights(model_of())


def test_training_lowers_the_loss() -> None:
    model, steps = model_of(), []
    texts = [text for _, text in TEXTS[:3]]
    before = held_out_loss(model, texts, PLAN, VOCABULARY)
    train(model, draw_tokens(TEXTS, 0, PLAN, VOCABULARY, "web").tokens, PLAN, steps.append)
    assert held_out_loss(model, texts, PLAN, VOCABULARY) < before - 0.3
    assert steps == list(range(1, PLAN.steps + 1))


def test_a_model_that_knows_nothing_loses_the_logarithm_of_the_vocabulary() -> None:
    model = model_of()
    for each in model.parameters():
        torch.nn.init.zeros_(each)
    text = TEXTS[0][1]
    expected = len(VOCABULARY.encode([text])[0]) * math.log(VOCABULARY.size) / len(text.encode())
    assert held_out_loss(model, [text], PLAN, VOCABULARY) == pytest.approx(expected, rel=1e-6)


@pytest.mark.service
def test_the_loss_is_that_of_each_token_in_its_piece() -> None:
    model, texts = model_of(), ["A short one.", TEXTS[1][1][:400]]
    total = 0.0
    for encoded in VOCABULARY.encode(texts):
        tokens = [END, *encoded]
        for start in range(0, len(encoded), PLAN.context - 1):
            total -= likelihood(model, tokens[start : start + PLAN.context], 1)
    expected = total / sum(len(text.encode()) for text in texts)
    assert held_out_loss(model, texts, PLAN, VOCABULARY) == pytest.approx(expected, rel=1e-5)


def test_the_answer_is_weighed_byte_by_byte() -> None:
    model = model_of(3)
    context, choices = "The old farmer", (" sold the pear.", " wrote it", " blue walk.")
    by_hand = []
    for choice in choices:
        before, after = VOCABULARY.encode([context, choice])
        by_hand.append(likelihood(model, [END, *before, *after], 1 + len(before)) / len(choice.encode()))
    best = int(np.argmax(by_hand))
    items = [ClozeItem(context, choices, answer) for answer in range(3)]
    assert cloze_scores(model, items, PLAN, VOCABULARY) == [float(answer == best) for answer in range(3)]


def test_of_a_long_context_the_end_is_read() -> None:
    model = model_of()
    end, choices = TEXTS[2][1][:500], (" sold the pear.", " blue walk.")
    for start in (TEXTS[0][1], TEXTS[1][1]):
        one = cloze_scores(model, [ClozeItem(start + end, choices, 0)], PLAN, VOCABULARY)
        assert one == cloze_scores(model, [ClozeItem(end, choices, 0)], PLAN, VOCABULARY)


def test_equally_likely_answers_share() -> None:
    assert credit([-1.0, -1.0, -2.0], 1) == 0.5
    assert credit([-1.0, -1.0, -2.0], 2) == 0.0
    model = model_of()
    for each in model.parameters():
        torch.nn.init.zeros_(each)
    assert cloze_scores(model, [ClozeItem("x", (" ab", " cd"), 1)], PLAN, BytePairVocabulary(["x"], 257)) == [0.5]
