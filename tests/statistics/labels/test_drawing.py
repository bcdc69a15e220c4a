"""Which item is next: reproducible, with the probability that is recorded, more often where the judge is in doubt."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.statistics.labels.drawing import FLOOR, LEAST_DOUBT, Items, draw_randomness, next_draw, shown
from harness.statistics.labels.draws import DrawnLabels, LabelQuestion
from harness.statistics.labels.evidence import evidence

pytestmark = pytest.mark.service


RATE, DIFFERENCE = LabelQuestion("rate", 0.8, 0.05), LabelQuestion("difference", 0.0, 0.05)
NAMES = [f"case {i}" for i in range(400)]


def run(items, questions, label, count=10_000):
    """Draw and label until `count` or the end."""
    said = nothing(items)
    while len(said.draws) < count and (draw := next_draw(items, said, questions)) is not None:
        labels = np.full(len(items.scores), np.nan)
        labels[:] = np.nan if draw.case is None else label(draw)
        said = said.also(draw, labels)
    return said


def nothing(items):
    """Nothing drawn yet."""
    return DrawnLabels.of([], [], n_versions=len(items.scores))


def one(scores, seed, **more):
    """Items of one version with one sample each."""
    return Items([scores[:, np.newaxis]], draw_randomness(NAMES[: len(scores)], seed), **more)


def judged(seed, n=400):
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < 0.8).astype(float)
    return truth, np.clip(truth * 0.6 + 0.2 + 0.2 * rng.standard_normal(n), 0, 1)


def test_lots_depend_on_seed_and_name_alone():
    first, again = draw_randomness(NAMES, 7), draw_randomness(NAMES[::-1], 7)
    assert first.coins.tolist() == again.coins[::-1].tolist()
    assert [NAMES[i] for i in first.order] == [NAMES[::-1][i] for i in again.order]
    assert draw_randomness(NAMES, 8).order.tolist() != first.order.tolist()


def test_lots_are_uniform_and_independent():
    randomness = draw_randomness([str(i) for i in range(20_000)], 1)
    for numbers in (randomness.coins, randomness.picks):
        assert np.abs(np.histogram(numbers, 10, (0, 1))[0] - 2000).max() < 5 * math.sqrt(1800)
    turns = np.argsort(randomness.order)
    for a, b in ((randomness.coins, randomness.picks), (randomness.coins, turns), (randomness.picks, turns)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(20_000)


def test_the_same_seed_scores_and_labels_give_the_same_draws():
    truth, scores = judged(1)
    first, second = (run(one(scores, 3), [RATE], lambda d: truth[d.case]) for _ in range(2))
    assert first.draws == second.draws
    other = run(one(scores, 4), [RATE], lambda d: truth[d.case])
    assert first.draws != other.draws


def test_every_case_has_one_turn_in_the_order_of_the_lots():
    truth, scores = judged(2)
    items = one(scores, 1)
    said = run(items, [RATE], lambda d: truth[d.case])
    turn = 0
    for draw in said.draws:
        turn += len(draw.passed)
        if draw.case is not None:
            assert draw.case == items.randomness.order[turn]
            turn += 1
    assert turn == len(NAMES)
    assert next_draw(items, said, [RATE]) is None


@pytest.mark.nightly
def test_the_recorded_probability_is_that_of_the_draw():
    """Each drawn case weighs 1 / probability: together as many as had their turn, on average over seeds."""
    truth, scores = judged(3)
    gaps = []
    for seed in range(30):
        draws = run(one(scores, seed), [RATE], lambda d: truth[d.case]).draws
        gaps.append(sum(1 / draw.probability for draw in draws if draw.case is not None) - len(NAMES))
    assert abs(np.mean(gaps)) < 4 * np.std(gaps) / math.sqrt(len(gaps))


def test_items_in_doubt_are_drawn_more_often_and_none_less_than_a_tenth():
    truth, scores = judged(4)
    draws = run(one(scores, 1), [RATE], lambda d: truth[d.case], 120).draws
    late = [draw for draw in draws[40:] if draw.case is not None]
    doubtful = [d.probability for d in late if 0.35 < d.predicted[0] < 0.65]
    certain = [d.probability for d in late if d.predicted[0] > 0.97]
    assert np.mean(doubtful) > 1.5 * np.mean(certain)
    for draw in draws:
        assert FLOOR / 10 < draw.floor <= draw.probability <= 1


def test_a_judges_doubt_raises_the_probability():
    _, scores = judged(5)
    doubt = np.where(np.arange(400) % 2, 0.2, 2.0)
    several = [one(scores, 1, doubt=each) for each in (doubt, 4 * doubt)]
    draws = [next_draw(items, nothing(items), [RATE]) for items in several]
    assert draws[1].probability >= draws[0].probability


def differing(seed):
    """Items of which every second is in three times the doubt of the others."""
    truth, scores = judged(seed)
    return truth, scores, np.where(np.arange(400) % 2, 1.5, 0.5)


def test_of_two_items_with_one_score_the_one_with_more_doubt_is_drawn_more_often():
    truth, _, doubt = differing(9)
    draws = run(one(np.full(400, 0.8), 1, doubt=doubt), [RATE], lambda d: truth[d.case]).draws
    odd = [d.case % 2 for d in draws if d.case is not None]
    assert sum(odd) > 1.5 * (len(odd) - sum(odd))


def test_doubt_that_is_the_same_everywhere_comes_to_none_once_cases_are_seen():
    truth, scores, _ = differing(10)
    means = []
    for doubt in (None, np.full(400, 0.5), np.full(400, 1.5)):
        draws = run(one(scores, 1, doubt=doubt), [RATE], lambda d: truth[d.case]).draws
        means.append(np.mean([d.probability for d in draws[50:] if d.case is not None]))
    assert means[1:] == pytest.approx([means[0]] * 2, rel=0.1)


@pytest.mark.nightly
def test_the_mean_has_no_bias_whatever_doubt_has_to_do_with_the_truth():
    """The evidence has the truth's mean, over seeds, whether doubt marks the judge's errors or hides them."""
    truth, scores = judged(11)
    wrong = (scores >= 0.5) != truth.astype(bool)
    for doubt in (np.where(wrong, 1.5, 0.5), np.where(wrong, 0.5, 1.5)):
        gaps = []
        for seed in range(15):
            said = run(one(scores, seed, doubt=doubt), [RATE], lambda d: truth[d.case])
            gaps.append(evidence(said, "rate").values.mean() - truth.mean())
        assert abs(np.mean(gaps)) < 4 * np.std(gaps) / math.sqrt(len(gaps))


@settings(max_examples=25)
@given(st.integers(0, 10_000), st.sampled_from([1, 3]), st.booleans(), st.booleans())
def test_no_value_leaves_the_range_that_was_settled_before(seed, n_samples, paired, contrary):
    """Whatever judge and people say: only so are stakes safe."""
    rng = np.random.default_rng(seed)
    scores = [rng.choice([0, 0.03, 0.5, 1.0], (60, n_samples)) for _ in range(1 + paired)]
    same = rng.random(60) < 0.3
    if paired:
        scores[1][same] = scores[0][same]
    doubt = rng.choice([LEAST_DOUBT, 1.0, 3.0], 60) if seed % 3 else None
    items = Items(scores, draw_randomness(NAMES[:60], seed), same, doubt)
    questions = [RATE, DIFFERENCE][: 1 + paired] if seed % 2 else [DIFFERENCE if paired else RATE]

    def label(draw):
        return 1 - np.round(draw.judged) if contrary else rng.random(len(draw.judged))

    said = run(items, questions, label)
    for question in questions:
        found = evidence(said, question.of)
        lows, highs, better, worse = found.rules.T
        assert len(found.values) == 60
        assert np.all(found.values >= lows - 1e-9)
        assert np.all(found.values <= highs + 1e-9)
        assert np.all(better * (question.allowed - lows) <= 0.9 + 1e-9)
        assert np.all(worse * (highs - question.demanded) <= 0.9 + 1e-9)


def test_the_same_text_is_not_asked_about_where_only_the_difference_counts():
    truth, scores = judged(6)
    same = np.arange(400) % 2 == 0
    for questions, asked in (([DIFFERENCE], False), ([RATE, DIFFERENCE], True)):
        items = Items([scores[:, np.newaxis]] * 2, draw_randomness(NAMES, 1), same)
        said = run(items, questions, lambda d: truth[[d.case, d.case]])
        assert any(same[draw.case] for draw in said.draws if draw.case is not None) == asked
        assert len(evidence(said, "difference").values) == 400


def test_a_case_shows_one_of_the_samples_it_has():
    scores = np.array([[0.1, np.nan, 0.3], [np.nan, 0.2, np.nan]] * 200)
    at = shown(scores, draw_randomness(NAMES, 1))
    assert set(at[::2]) == {0, 2}
    assert set(at[1::2]) == {1}
    assert abs((at[::2] == 0).mean() - 0.5) < 0.15


def test_draws_ahead_of_the_labels_are_allowed():
    """Several people label at once: labels that are not in yet only make a draw less apt."""
    truth, scores = judged(7)
    draws = run(one(scores, 1), [RATE], lambda d: np.nan, 20).draws
    assert len({draw.case for draw in draws}) == 20
    assert len(evidence(DrawnLabels.of(draws, [[truth[draw.case]] for draw in draws]), "rate").ends) == 20


def test_kinds_that_were_not_asked_have_no_stakes():
    _, scores = judged(8)
    items = one(scores, 1)
    draw = next_draw(items, nothing(items), [RATE])
    assert [*draw.rules] == ["rate"]
    assert min(draw.rules["rate"][2:]) > 0
