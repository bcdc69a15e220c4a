"""The step `minhash`: what it finds, held against how probably it must be found."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from harness.stages.data.steps.minhash import MINHASH, NearDuplicates
from harness.stages.data.steps.step import place_of, step_options
from tests.corpora.generate import DATA, DOCUMENTS
from tests.corpora.grammar import article
from tests.corpora.pairs import SIMILARITIES
from tests.stages.data.steps.stepping import apply_step, local

pytestmark = pytest.mark.service

N_PAIRS = 300
Pairs = Mapping[Fraction, Sequence[tuple[str, str]]]
"""By their similarity, which tests/evals holds to datatrove's n-grams: 5, 21, 56, 92 and nearly 100 % are found."""


def is_within_band(n_found: int, similarity: Fraction, buckets: int = 14, hashes_per_bucket: int = 8) -> bool:
    """Whether so many of the pairs may well be found, on both sides: the 99 % band of the binomial distribution.

    MinHash in buckets finds a pair with 1 − (1 − s^r)^b (Leskovec, Rajaraman and Ullman, 2014, 3.4).
    """
    share = 1 - (1 - float(similarity) ** hashes_per_bucket) ** buckets
    low, high = binom.interval(0.99, N_PAIRS, share)
    return bool(low <= n_found <= high)


def n_found(pairs: Sequence[tuple[str, str]], table: Mapping[str, Any], folder: Path) -> int:
    """How many pairs the step finds; whatever it removes must be one of a pair, because of the other."""
    texts = {f"{number:03}/{which}": pair[which] for number, pair in enumerate(pairs) for which in (0, 1)}
    removed = apply_step(MINHASH, table, texts, folder).removed
    for name, found in removed.items():
        assert found == ("near_duplicate", f"{name[:4]}{1 - int(name[4:])}")
    return len(removed)


@pytest.fixture(scope="module")
def pairs() -> Pairs:
    """The pairs of evals/data, 300 of each similarity."""
    with gzip.open(DATA / DOCUMENTS, "rt", encoding="utf-8") as file:
        texts = {row["id"]: row["text"] for row in map(json.loads, file) if "text" in row}
    rows = map(json.loads, (DATA / "minhash" / "pairs.jsonl").read_text(encoding="utf-8").splitlines())
    return {
        level: [(texts[one], texts[other]) for one, other in row["pairs"]]
        for level, row in zip(SIMILARITIES, rows, strict=True)
    }


@pytest.mark.nightly
@pytest.mark.parametrize("level", SIMILARITIES, ids=float)
def test_pairs_are_found_as_often_as_the_curve_says(pairs: Pairs, level: Fraction, tmp_path: Path) -> None:
    """1 − (1 − s⁸)¹⁴, on both sides: at 0.6 a fifth of the pairs, and neither none nor all of them."""
    found = n_found(pairs[level], {}, tmp_path)
    assert is_within_band(found, level), f"{found} of {N_PAIRS}"


def test_signatures_estimate_the_similarity_as_datasketch_does(pairs: Pairs, tmp_path: Path) -> None:
    """The share of hashes that two signatures have in common has mean s and variance s (1 − s) / 112 (Broder, 1997)."""
    from datasketch import MinHash
    from datatrove.utils.text import ngrams, simplify_text

    from harness.stages.data.steps.signing import BoundedSignature, _words

    config = default_step().config
    signature = BoundedSignature(str(tmp_path), config, "eng")

    def ours(text: str) -> np.ndarray:
        return np.array(signature.get_signature(signature.get_shingles(text))).ravel()

    def theirs(text: str) -> np.ndarray:
        made = MinHash(num_perm=112)
        words = _words(simplify_text(text, config.norm_config), "eng")
        made.update_batch([" ".join(gram).encode() for gram in ngrams(words, config.n_grams)])
        return np.asarray(made.hashvalues)

    for level in (Fraction(1, 2), Fraction(7, 10), Fraction(19, 20)):
        planted = pairs[level][:100]
        four_errors = 4 * (float(level) * float(1 - level) / 112 / len(planted)) ** 0.5
        for sign in (ours, theirs):
            shares = [float(np.mean(sign(one) == sign(other))) for one, other in planted]
            assert float(level) == pytest.approx(float(np.mean(shares)), abs=four_errors)


def default_step() -> NearDuplicates:
    step = MINHASH.make(step_options(MINHASH, {}, where="minhash"))
    assert isinstance(step, NearDuplicates)
    return step


def test_its_defaults_are_those_of_fineweb() -> None:
    config = default_step().config
    assert (config.num_buckets, config.hashes_per_bucket, config.n_grams) == (14, 8, 5)
    assert (config.hash_config.hash_fc, config.hash_config.precision) == ("sha1", 64)
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig

    assert MinhashConfig(hash_config=HashConfig(precision=64, hash_fc="sha1")) == config


SHARED = article(Random(1), 20, 20)


def test_the_first_document_of_a_cluster_stays(tmp_path: Path) -> None:
    """In the one order of all documents, whichever of them datatrove would keep."""
    texts = {f"{letter}{number}": f"{SHARED} {letter}" for letter in "abc" for number in range(20)}
    texts |= {f"other{number}": article(Random(number)) for number in range(2, 7)}
    applied = apply_step(MINHASH, {}, texts, tmp_path, n_shards=4)
    order = sorted((name for name in texts if name[0] in "abc"), key=place_of)
    assert dict.fromkeys(order[1:], ("near_duplicate", order[0])) == applied.removed
    assert {order[0], *(f"other{number}" for number in range(2, 7))} == set(applied.kept)


@pytest.mark.nightly
@pytest.mark.parametrize("stage", ["signing", "pairing", "clustering"])
def test_what_was_killed_goes_on(stage: str, tmp_path: Path) -> None:
    """With what was done before it: the outcome is the same."""
    texts = {f"{letter}{number}": f"{SHARED} {letter}" for letter in "abc" for number in range(3)}
    ran = []

    def killed(pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        local()(pipeline, tasks, work)
        if work.name == stage:
            raise KeyboardInterrupt

    def counted(pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        before = len(list((work / "completions").glob("*")))
        local()(pipeline, tasks, work)
        ran.append((work.name, tasks - before))

    with pytest.raises(KeyboardInterrupt):
        apply_step(MINHASH, {}, texts, tmp_path / "killed", run=killed)
    assert apply_step(MINHASH, {}, texts, tmp_path / "whole") == apply_step(
        MINHASH, {}, texts, tmp_path / "killed", run=counted
    )
    assert (stage, 0) in ran


def test_documents_shorter_than_an_n_gram_stay(tmp_path: Path) -> None:
    """They have no n-gram, so that nothing is known of them; `exact` finds those that are equal."""
    texts = {
        "a": "only four words here",
        "b": "only four words here",
        "c": "",
        "d": "",
        "e": "now these are five words",
    }
    texts["f"] = texts["e"]
    applied = apply_step(MINHASH, {}, texts, tmp_path)
    assert {"a", "b", "c", "d"} < set(applied.kept)
    assert len(applied.removed) == 1
    assert {"e", "f"} > set(applied.removed)
