"""The step `exact`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CorpusError, SettingsError
from harness.stages.data.steps.catalogue import step_options
from harness.stages.data.steps.exact import EXACT
from harness.stages.data.steps.step import place_of
from tests.stages.data.steps.stepping import apply_step, local, shard_documents

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


def test_a_file_of_hashes_that_is_missing_is_an_error(tmp_path: Path) -> None:
    """An executor that loses a task must not make duplicates look like none."""

    def losing(pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        local()(pipeline, tasks, work)
        for path in work.parent.glob("hashes/0000/00001*"):
            path.unlink()

    with pytest.raises(CorpusError, match=r"00001\.c4_sig is not there.*[Bb]uild the corpus again"):
        apply_step(EXACT, {}, TEXTS, tmp_path, run=losing)


def test_documents_that_changed_meanwhile_are_an_error(tmp_path: Path) -> None:
    def changing(pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        if work.name == "removal":
            texts = {f"{name}2": text for name, text in TEXTS.items()}
            shard_documents(texts, tmp_path / "in", 1)
        local()(pipeline, tasks, work)

    with pytest.raises(CorpusError, match="changed while duplicates were sought"):
        apply_step(EXACT, {}, TEXTS, tmp_path, n_shards=1, run=changing)


def test_a_missing_list_of_duplicates_is_an_error(tmp_path: Path) -> None:
    """datatrove takes it for a list of none, and only warns."""

    def losing(pipeline: Sequence[Any], tasks: int, work: Path) -> None:
        if work.name == "removal":
            (work.parent / "duplicates" / "00002.jsonl").unlink()
        local()(pipeline, tasks, work)

    with pytest.raises(CorpusError, match=r"00002\.jsonl is not there"):
        apply_step(EXACT, {}, TEXTS, tmp_path, run=losing)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("lowercase", 'is no list; write a list such as \\["lowercase"'),
        (["case"], "No normalisation named 'case'. Normalisations: .*lowercase"),
        ([1], "No normalisation named '1'"),
    ],
)
def test_a_wrong_normalisation_is_refused(value: Any, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        step_options(EXACT, {"normalisation": value}, where="clean.exact")


def test_the_order_of_normalisations_is_no_part_of_the_identity() -> None:
    one, other = (
        step_options(EXACT, {"normalisation": names}, where="")
        for names in (["whitespace", "lowercase"], ["lowercase", "whitespace"])
    )
    assert one == other == step_options(EXACT, {}, where="")
