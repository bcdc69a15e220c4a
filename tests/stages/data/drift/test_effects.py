"""The effect of each column, where it can be told by hand."""

import numpy as np
import pytest

from harness.stages.data.drift.columns import BLOCKS, COLUMNS, SQUARES, ColumnSums
from harness.stages.data.drift.effects import EFFECTS, Move, largest_moves


def sums(per_block, names=None):
    array = np.asarray(per_block, dtype=np.float64)
    documents = array.sum(axis=1)
    return ColumnSums(documents, array, tuple(names or range(array.shape[1])))


def repeated(row, names=None):
    """The same in each block, so that chance has no part in it."""
    return sums([row] * BLOCKS, names)


def effect(column, baseline, candidate):
    return EFFECTS[column].parts(baseline, candidate).mean()


def test_every_column_has_an_effect():
    assert list(EFFECTS) == list(COLUMNS)


def test_length_is_cliffs_delta_of_all_documents():
    rng = np.random.default_rng(0)
    baseline, candidate = (sums(rng.integers(1, 9, (BLOCKS, 5))) for _ in range(2))
    ours, theirs = (np.repeat(np.arange(5), each.sums.sum(axis=0).astype(int)) for each in (candidate, baseline))
    delta = np.sign(ours[:, np.newaxis] - theirs).mean()
    assert effect("length", baseline, candidate) == pytest.approx(delta, abs=1e-3)


def test_candidate_that_is_longer_has_a_positive_delta():
    assert effect("length", repeated([1, 0], [5, 9]), repeated([0, 1], [5, 9])) == pytest.approx(1)


def test_the_values_that_moved_most_are_named():
    baseline, candidate = repeated([90, 10], ["de", "en"]), repeated([80, 10, 10], ["de", "en", "fr"])
    assert largest_moves(baseline, candidate) == (Move("de", 0.9, 0.8), Move("fr", 0.0, 0.1))
    assert largest_moves(baseline, baseline) == ()


def test_words_that_no_version_shares_tell_it_by_one_bit():
    assert effect("ngrams", repeated([5, 0]), repeated([0, 5])) == pytest.approx(1)


def test_divergence_of_half_shared_words():
    """p = (1, 0), q = (1/2, 1/2): half a bit less 3/4 log2(3) - 1, by hand 0.3113."""
    assert effect("ngrams", repeated([2, 0]), repeated([1, 1])) == pytest.approx(0.311278, abs=1e-6)


def test_a_version_without_pairs_of_words_is_as_far_as_can_be():
    assert effect("ngrams", repeated([0, 0]), repeated([1, 1])) == 1
    assert effect("ngrams", repeated([0, 0]), repeated([0, 0])) == 0


def test_texts_in_two_places_are_explained_by_their_version():
    one = ColumnSums(np.full(BLOCKS, 3.0), np.tile([3.0, 0.0, 3.0], (BLOCKS, 1)), (0, 1, SQUARES))
    other = ColumnSums(np.full(BLOCKS, 5.0), np.tile([0.0, 5.0, 5.0], (BLOCKS, 1)), (0, 1, SQUARES))
    assert effect("embedding", one, other) == pytest.approx(1)
    assert effect("embedding", one, one) == 0


def test_distances_that_chance_made_are_0_on_average():
    rng = np.random.default_rng(1)
    for column in ("language", "ngrams"):
        found = [effect(column, *(sums(rng.poisson(3, (BLOCKS, 12))) for _ in range(2))) for _ in range(200)]
        assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)


@pytest.mark.service
def test_bounds_of_a_small_distance_miss_it_five_times_in_a_hundred_at_most():
    """A drift of 1.3 of its standard errors, where t of plain pseudo-values misses it from above 16 times."""
    rng = np.random.default_rng(2)
    truth, missed = 0.0041465, 0  # a tenth of the documents against 0.15, in bits
    for _ in range(400):
        counts = [rng.multinomial(600, [1 / BLOCKS] * BLOCKS) for _ in range(2)]
        rare = [rng.binomial(each, share) for each, share in zip(counts, (0.1, 0.15), strict=True)]
        both = [sums(np.column_stack([each - few, few])) for each, few in zip(counts, rare, strict=True)]
        parts = EFFECTS["language"].parts(*both)
        missed += parts.mean() + 1.699 * parts.std(ddof=1) / np.sqrt(BLOCKS) < truth
    assert missed <= 20
