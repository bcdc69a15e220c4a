import pytest

from harness import Score

BUCKETS, HASHES = 14, 8


def clusters(step, requirement):
    return pytest.param(
        step,
        id=step,
        marks=pytest.mark.evaluation(
            cases=f"evals/data/{step}/clusters.jsonl",
            cluster=False,
            threshold=1.0,
            margin=0.001,
            requirement=requirement,
        ),
    )


@pytest.mark.parametrize(
    "step",
    [
        clusters("exact", "Non-functional: of equal documents, but for case and spaces, the first alone is learnt."),
        clusters("minhash", "Non-functional: of documents equal but for signs, numbers and accents, so is the first."),
    ],
)
def test_copies(corpus, case, step):
    first = corpus[case.id]
    assert first.kept, f"{first}; of its cluster it is the first, and must stay"
    for name in case.copies:
        copy = corpus[name]
        assert copy.step == step, f"{copy}; {step} must remove it, for it is a copy of {case.id!r} ({case.kind})"
        assert copy.duplicate_of == case.id, f"{copy}; the first of its cluster is {case.id!r}"
    assert sorted(case.copies) == sorted(corpus.clusters[case.id]), (
        f"the cluster of {case.id!r}: {corpus.clusters[case.id]}"
    )


@pytest.mark.evaluation(
    cases="evals/data/minhash/pairs.jsonl",
    cluster=False,
    threshold=1.0,
    margin=0.001,
    requirement="Non-functional: near duplicates are found as often as the curve of MinHash says, no less and no more.",
)
def test_near_duplicates(corpus, case):
    """The bands hold together, over all similarities, in 99 of 100 corpora."""
    from scipy.stats import binom

    n_pairs = len(case.pairs)
    n_found = sum(corpus[copy].duplicate_of == first for first, copy in case.pairs)
    share = 1 - (1 - case.similarity**HASHES) ** BUCKETS
    low, high = binom.interval(1 - 0.01 / 6, n_pairs, share)
    told = f"of {n_pairs} pairs of similarity {case.id} {n_found} were found, {low:.0f} to {high:.0f} may be"
    return Score(float(low <= n_found <= high), told)
