"""Signatures in bounded memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from datatrove.pipeline.dedup.minhash import MinhashDedupSignature

from harness.stages.data.steps import signing
from harness.stages.data.steps.catalogue import step_options
from harness.stages.data.steps.minhash import MINHASH, NearDuplicates

TEXT = "\n".join(
    f"The {number}th line isn't one of twenty; it can't be, cannot be: {number * 7} 東京 ÉTÉ." for number in range(99)
)


@pytest.mark.parametrize("text", [TEXT, TEXT.replace(" ", "-"), "five words are enough here", "too few words", ""])
@pytest.mark.parametrize("piece", [40, 500, 10_000])
def test_they_are_datatroves(text: str, piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the pieces in which a text is looked at."""
    monkeypatch.setattr(signing, "_PIECE", piece)
    monkeypatch.setattr(signing, "_BLOCK", 7)
    step = MINHASH.make(step_options(MINHASH, {}, where=""))
    assert isinstance(step, NearDuplicates)
    ours = signing.BoundedSignature(str(tmp_path), step.config)
    theirs = MinhashDedupSignature(str(tmp_path), step.config)
    n_grams = ours.get_shingles(text)
    assert np.array_equal(theirs.get_shingles(text), n_grams)
    if len(n_grams):
        assert theirs.get_signature(n_grams) == ours.get_signature(n_grams)
