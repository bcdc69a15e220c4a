"""Signatures in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from datatrove.pipeline.dedup.minhash import MinhashDedupSignature
from hypothesis import given
from hypothesis import strategies as st

from harness.stages.data.steps.minhash import MINHASH, NearDuplicates
from harness.stages.data.steps.step import step_options
from tests.libraries import needed

signing = needed("harness.stages.data.steps.signing")  # which imports spaCy
pytestmark = pytest.mark.service

LINES = [f"The {number}th isn't one of twenty; it can't be, cannot be: {number * 7} 東京 É." for number in range(99)]
TRICKY = ["can't", "gonna", "u.s.a.", "10km", "I'LL", "o’clock", ":)", "http://a.b/c?d", "1,5", "東京都", "--"]


def both(language: str = "eng") -> tuple[signing.BoundedSignature, MinhashDedupSignature]:
    """Ours and datatrove's, with the default options of the step."""
    step = MINHASH.make(step_options(MINHASH, {}, where=""))
    assert isinstance(step, NearDuplicates)
    return signing.BoundedSignature("unused", step.config, language), MinhashDedupSignature(
        "unused", step.config, language
    )


@pytest.mark.parametrize(
    "text",
    ["\n".join(LINES), "".join(LINES).replace(" ", "-"), "five words are enough here", "too few words", "", " \n"],
)
def test_they_are_datatroves(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the blocks in which n-grams are hashed again."""
    monkeypatch.setattr("harness.stages.data.steps.signing._NUMBERS", 7 * 112)
    ours, theirs = both()
    n_grams = ours.get_shingles(text)
    assert np.array_equal(theirs.get_shingles(text), n_grams)
    if len(n_grams):
        assert theirs.get_signature(n_grams) == ours.get_signature(n_grams)


@given(st.lists(st.one_of(st.sampled_from(TRICKY), st.text(max_size=8)), max_size=40).map(" ".join))
def test_words_are_those_that_spacy_sees_in_the_whole_text(text: str) -> None:
    ours, theirs = both()
    assert np.array_equal(theirs.get_shingles(text), ours.get_shingles(text))


def test_a_long_text_needs_little_memory() -> None:
    """112 hashes of each of 300,000 n-grams would take 270 MB, three times over."""
    ours, _ = both()
    n_grams = np.random.default_rng(1).integers(2**63, size=(300_000, 1), dtype=np.uint64)
    tracemalloc.start()
    signature = ours.get_signature(n_grams)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [len(bucket) for bucket in signature] == [8] * 14
    assert peak < 30_000_000
