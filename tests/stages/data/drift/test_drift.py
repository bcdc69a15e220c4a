"""Drift: planted drifts are found, what is shared is no evidence, and an A/A cries wolf as seldom as it says."""

from dataclasses import replace

import numpy as np
import pytest

from harness.errors import CorpusError, UsageError
from harness.stages.data.drift.drift import BLOCKS, COLUMNS, ColumnSums, Move, add_up, drift_table, find_drift
from harness.stages.data.outcomes import CorpusDocument
from harness.statistics.multiplicity import holm
from tests.error_rates import is_at_most

pytestmark = pytest.mark.service

WORDS = {
    "sea": "the ferry leaves harbour at dawn and gulls follow it over grey water while nobody speaks of storms",
    "law": "a party that breaches this agreement shall pay all damages which arise from such breach without delay",
    "kitchen": "stir flour into melted butter then add warm milk slowly until sauce is smooth and taste for salt",
}
GERMAN = "die fähre verlässt den hafen am morgen und niemand spricht ein wort über das graue wasser und den sturm"


def documents(rng, n, first=0, *, length=60.0, german=0.1, hosts=(0.5, 0.3, 0.2), topics=(1, 1, 1)):
    """Documents drawn at random: each column can be made to drift by itself."""
    found = []
    for number in range(first, first + n):
        topic = rng.choice(list(WORDS), p=np.array(topics) / sum(topics))
        words = (GERMAN if rng.random() < german else WORDS[topic]).split()
        size = max(8, int(rng.lognormal(np.log(length), 0.6)))
        text = " ".join(rng.choice(words, size))
        host = rng.choice(["a.org", "b.org", "c.org"], p=hosts)
        found.append(CorpusDocument(f"d{number}", text, f"https://{host}/{number}", {}))
    return found


def table(first, second):
    return drift_table(add_up(first), add_up(second))


def column(name, first, second):
    return find_drift(add_up(first)[name].together(), add_up(second)[name].together(), name)


@pytest.fixture(scope="module")
def base():
    return documents(np.random.default_rng(1), 900)


def test_a_corpus_is_no_way_from_itself(base):
    found = table(base, base)
    assert found.shown == frozenset()
    assert {(each.value, each.low, each.high, each.p_value) for each in found.columns} == {(0.0, 0.0, 0.0, 1.0)}


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("planted", "columns"),
    [
        ({"length": 90.0}, {"length"}),
        ({"german": 0.25}, {"language", "ngrams"}),
        ({"hosts": (0.3, 0.3, 0.4)}, {"source"}),
        ({"topics": (3, 1, 1)}, {"ngrams"}),
    ],
)
def test_a_planted_drift_is_found_in_its_columns_and_in_no_other(base, planted, columns):
    other = documents(np.random.default_rng(2), 900, 900, **planted)
    assert table(base, other).shown == columns


def test_what_a_step_removed_is_a_drift_though_all_else_is_shared(base):
    kept = [each for each in base if len(each.text) > 250]
    found = table(base, kept)
    assert "length" in found.shown
    assert found.columns[0].value > 0  # the candidate's are longer


def test_a_longer_text_of_the_same_documents_is_a_drift(base):
    changed = [replace(each, text=f"{each.text} {each.text}") for each in base]
    assert table(base, changed).shown & {"length", "source", "language"} == {"length"}


def test_shared_documents_make_the_interval_narrower(base):
    rng = np.random.default_rng(4)
    shared = [each for each in base if rng.random() < 0.9]
    alone = column("length", base, documents(rng, 900, 900))
    paired = column("length", base, shared)
    assert paired.standard_error < alone.standard_error / 2


def test_the_parts_of_blocks_have_the_figure_as_their_mean(base):
    other = documents(np.random.default_rng(2), 900, 900, length=70.0)
    found = column("length", base, other)
    assert len(found.parts) == BLOCKS
    assert np.mean(found.parts) == pytest.approx(found.value)
    assert found.block(3).value == found.parts[3]
    assert found.block(3).unit == "Cliff's delta"


def test_halves_of_a_corpus_are_an_a_a(base):
    sums = add_up(base)
    found = [find_drift(*sums[name].halves(), name) for name in COLUMNS]
    assert found[0].value != 0
    assert not holm([each.p_value for each in found], 0.05).any()


def test_unknown_column_is_named_with_the_nearest(base):
    with pytest.raises(UsageError, match="Did you mean 'length'"):
        find_drift(add_up(base)["length"], add_up(base)["length"], "lenght")


def test_few_documents_tell_nothing(base):
    with pytest.raises(CorpusError, match="The candidate has 119 documents: drift takes 120 or more"):
        table(base, base[:119])


def drawn(rng, n, shift=0.0):
    """The columns of n documents, as arrays: topics decide words."""
    topic = rng.integers(0, 6, n)
    length = np.exp(rng.normal(5, 0.7, n) + shift).astype(int)
    bags = rng.multinomial(np.minimum(length, 300), TOPICS[topic])
    language = (rng.random(n) < 0.1).astype(int) + (rng.random(n) < 0.02)
    return [length, language, rng.choice(12, n, p=HOSTS), bags]


_RNG = np.random.default_rng(5)
HOSTS = _RNG.dirichlet(np.ones(12))
TOPICS = _RNG.dirichlet(np.full(256, 0.05), 6)


def summed(values, ids):
    blocks = ids % BLOCKS
    names = np.arange(values.shape[1]) if values.ndim == 2 else np.unique(values)
    rows = values if values.ndim == 2 else (values[:, np.newaxis] == names).astype(float)
    member = (blocks == np.arange(BLOCKS)[:, np.newaxis]).astype(float)
    return ColumnSums(member.sum(axis=1), member @ rows, tuple(names.tolist()))


def versions(rng, n, kind):
    """Two versions that differ by chance alone: independent, sharing nine tenths, or one a random part of the other."""
    ids = rng.permutation(100 * n)[: 2 * n]
    whole = drawn(rng, 2 * n)
    first = np.arange(2 * n) < n
    second = {
        "independent": ~first,
        "shared": (np.arange(2 * n) >= n // 10) & (np.arange(2 * n) < n + n // 10),
        "part": first & (rng.random(2 * n) < 0.8),
    }[kind]
    return [[summed(values[kept], ids[kept]) for values in whole] for kept in (first, second)]


@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["independent", "shared", "part"])
def test_no_drift_is_called_drift_five_times_in_a_hundred_at_most(kind):
    """Over all columns together, by Holm. As soon as it is clear: a rate of 0.1 is taken for 0.05 twice in a hundred.

    400 of which 35 may be wrong would take it for that 23 times in a hundred.
    """
    rng = np.random.default_rng(6)

    def is_wrong() -> bool:
        baseline, candidate = versions(rng, 500, kind)
        found = [find_drift(*each) for each in zip(baseline, candidate, COLUMNS, strict=True)]
        return bool(holm([each.p_value for each in found], 0.05).any())

    assert is_at_most(0.05, is_wrong, 400)


@pytest.mark.nightly
def test_intervals_of_a_drift_hold_the_truth_as_often_as_they_say():
    """Of lengths that are 0.2 of a standard deviation longer, normal: delta = 2 * Phi(0.2 / sqrt(2)) - 1."""
    rng = np.random.default_rng(7)
    truth = 0.11246
    held = 0
    for _ in range(300):
        shared = rng.normal(0, 1, 300)
        first = np.concatenate([shared, rng.normal(0, 1, 200)])
        second = np.concatenate([shared, rng.normal(0, 1, 200)]) + 0.2
        ids = rng.permutation(10**6)[:700]
        sums = [summed(np.round(first, 2), ids[:500]), summed(np.round(second, 2), np.r_[ids[:300], ids[500:]])]
        found = find_drift(sums[0], sums[1], "length")
        held += found.low <= truth <= found.high
    assert held >= 270  # of 300 at 0.95, less happens once in 10,000


def sums(per_block, names=None):
    array = np.asarray(per_block, dtype=np.float64)
    return ColumnSums(array.sum(axis=1), array, tuple(names or range(array.shape[1])))


def repeated(row, names=None):
    """The same in each block, so that chance has no part in it."""
    return sums([row] * BLOCKS, names)


def effect(name, baseline, candidate):
    return np.mean(find_drift(baseline, candidate, name).parts)


def test_length_is_cliffs_delta_of_all_documents():
    rng = np.random.default_rng(0)
    baseline, candidate = (sums(rng.integers(1, 9, (BLOCKS, 5))) for _ in range(2))
    ours, theirs = (np.repeat(np.arange(5), each.sums.sum(axis=0).astype(int)) for each in (candidate, baseline))
    delta = np.sign(ours[:, np.newaxis] - theirs).mean()
    assert effect("length", baseline, candidate) == pytest.approx(delta, abs=1e-3)
    assert effect("length", repeated([5, 0], [5, 9]), repeated([0, 5], [5, 9])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("baseline", "candidate", "bits"), [([5, 0], [0, 5], 1.0), ([6, 0], [3, 3], 0.311278), ([6, 3], [6, 3], 0.0)]
)
def test_a_divergence_is_what_one_of_them_tells_of_its_version(baseline, candidate, bits):
    """Of p = (1, 0) and q = (1/2, 1/2), half a bit less 3/4 log2(3) - 1, by hand 0.3113."""
    assert effect("ngrams", repeated(baseline), repeated(candidate)) == pytest.approx(bits, abs=1e-6)


def test_the_values_that_moved_most_are_named():
    baseline, candidate = repeated([90, 10], ["de", "en"]), repeated([80, 10, 10], ["de", "en", "fr"])
    found = find_drift(baseline, candidate, "language")
    assert found.moves == (Move("de", 0.9, 0.8), Move("fr", 0.0, 0.1))


def test_distances_that_chance_made_are_0_on_average():
    rng = np.random.default_rng(1)
    found = [effect("ngrams", *(sums(rng.poisson(3, (BLOCKS, 12))) for _ in range(2))) for _ in range(200)]
    assert abs(np.mean(found)) < 4 * np.std(found) / np.sqrt(200)


def test_bounds_of_a_small_distance_miss_it_five_times_in_a_hundred_at_most():
    """A drift of 1.3 of its standard errors, where t of plain pseudo-values misses it from above 16 times."""
    rng = np.random.default_rng(2)
    truth, missed = 0.0041465, 0  # a tenth of the documents against 0.15, in bits
    for _ in range(400):
        counts = [rng.multinomial(600, [1 / BLOCKS] * BLOCKS) for _ in range(2)]
        rare = [rng.binomial(each, share) for each, share in zip(counts, (0.1, 0.15), strict=True)]
        both = [sums(np.column_stack([each - few, few])) for each, few in zip(counts, rare, strict=True)]
        parts = np.array(find_drift(*both, "language").parts)
        missed += parts.mean() + 1.699 * parts.std(ddof=1) / np.sqrt(BLOCKS) < truth
    assert missed <= 20
