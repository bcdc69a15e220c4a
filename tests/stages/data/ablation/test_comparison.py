from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from harness.errors import CorpusError
from harness.stages.data.ablation.ablation import Ablation
from harness.stages.data.ablation.comparison import (
    SeedPair,
    cloze_difference,
    loss_difference,
    mean_curve,
    train_pairs,
)
from harness.stages.data.ablation.plan import AblationPlan
from harness.stages.data.ablation.results import TrainedModel
from harness.stages.data.corpus import Corpus

pytestmark = [pytest.mark.service, pytest.mark.usefixtures("loaded_torch")]

MODEL = TrainedModel(1, 1.0, 0.5, 512, 3, 900, 0.5, ((256, 2.0), (512, 1.0)), 1.0)
FIRST, SECOND = (1.1, 1.2, 1.15, 1.3), (1.0, 1.15, 1.1, 1.1)
PAIRS = [
    SeedPair(replace(MODEL, loss=one, cloze=1 - one / 2), replace(MODEL, loss=other, cloze=1 - other / 2))
    for one, other in zip(FIRST, SECOND, strict=True)
]


def test_losses_are_weighed_in_pairs() -> None:
    found, expected = loss_difference(PAIRS), stats.ttest_rel(FIRST, SECOND)
    interval = expected.confidence_interval(0.95)
    assert found.value == pytest.approx(0.1)
    assert (found.low, found.high, found.p_value) == pytest.approx((interval.low, interval.high, expected.pvalue))


def test_so_are_answers() -> None:
    found = cloze_difference(PAIRS)
    assert found is not None
    assert found.value == pytest.approx(-0.05)
    assert cloze_difference([*PAIRS, SeedPair(MODEL, replace(MODEL, cloze=None))]) is None


def test_curves_are_means_over_seeds() -> None:
    other = replace(MODEL, curve=((256, 3.0), (512, 2.0)))
    assert mean_curve([MODEL, other]) == ((256, 2.5), (512, 1.5))


def test_both_corpora_train_the_same_seeds(good: Corpus, bad: Corpus, questions: Path, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STEELYARD_CACHE", str(tmp_path))
        sides = Ablation(good, questions), Ablation(bad, questions)
        plan = AblationPlan(tokens=2048)
        pairs = asyncio.run(train_pairs(sides, (3, 4), plan, questions / "held_out.jsonl", None))
    assert [(pair.first.seed, pair.second.seed) for pair in pairs] == [(3, 3), (4, 4)]
    assert all(pair.first.loss != pair.second.loss for pair in pairs)
    assert all(side.pid is None for side in sides)


def test_one_that_fails_ends_both(good: Corpus, bad: Corpus, questions: Path) -> None:
    sides = Ablation(good, questions), Ablation(bad, questions)
    with pytest.raises(CorpusError, match=r"has [\d,]+ tokens"):
        asyncio.run(train_pairs(sides, (1,), AblationPlan(tokens=10**7), questions / "held_out.jsonl", None))
    assert all(side.pid is None for side in sides)
