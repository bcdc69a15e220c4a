"""The step `exact`."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.stages.data.steps.exact import EXACT
from harness.stages.data.steps.step import place_of
from tests.stages.data.steps.stepping import apply_step, local

pytestmark = pytest.mark.service

TEXTS = {
    "a": "The river rose in April.",
    "b": "Nothing else is like this.",
    "c": "the  RIVER rose\nin April. ",
    "d": "The river rose in April!",
    "e": "The river rose in April.",
    "f": "The river rose in May.",
}


def test_the_first_document_of_each_text_stays(tmp_path: Path) -> None:
    """In the one order of all documents; letter case and white space do not count, punctuation does."""
    applied = apply_step(EXACT, {}, TEXTS, tmp_path)
    first = min("ace", key=place_of)
    removed = {"a", "c", "e"} - {first}
    assert dict.fromkeys(removed, ("duplicate", first)) == applied.removed
    assert {name: text for name, text in TEXTS.items() if name not in removed} == applied.kept


def test_what_texts_may_differ_by_is_set(tmp_path: Path) -> None:
    strict = apply_step(EXACT, {"normalisation": []}, TEXTS, tmp_path / "strict")
    loose = apply_step(EXACT, {"normalisation": ["punctuation", "lowercase", "whitespace"]}, TEXTS, tmp_path / "loose")
    assert len(strict.removed) == 1
    assert {"a", "e"} > set(strict.removed)
    assert {"a", "c", "d", "e"} > set(loose.removed)
    assert len(loose.removed) == 3


def test_workers_change_nothing(tmp_path: Path) -> None:
    texts = {f"doc/{number:03}": f"Text number {number % 40}" for number in range(200)}
    alone = apply_step(EXACT, {}, texts, tmp_path / "alone", n_shards=4)
    together = apply_step(EXACT, {}, texts, tmp_path / "together", n_shards=4, run=local(3))
    assert alone == together
    assert len(alone.kept) == 40
    survivors = {texts[name]: name for name in sorted(texts, key=place_of, reverse=True)}
    assert {name: ("duplicate", survivors[texts[name]]) for name in texts if name not in alone.kept} == alone.removed


def test_files_without_documents_are_no_trouble(tmp_path: Path) -> None:
    assert apply_step(EXACT, {}, {"a": "x"}, tmp_path / "one", n_shards=5).kept == {"a": "x"}
    nothing = apply_step(EXACT, {}, {}, tmp_path / "none")
    assert (nothing.kept, nothing.removed) == ({}, {})
