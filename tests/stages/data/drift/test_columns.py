"""Columns are added up by blocks that a document's id decides."""

import numpy as np
import pytest

from harness.stages.data.drift.drift import BLOCKS, COLUMNS, add_up, aligned, row_of
from harness.stages.data.outcomes import CorpusDocument


def document(number, text="one two three", url=None, **metadata):
    return CorpusDocument(f"d{number}", text, url, metadata)


def test_ids_fall_into_all_blocks_alike():
    counts = np.bincount([row_of(f"document-{i}") % BLOCKS for i in range(60_000)], minlength=BLOCKS)
    assert len(counts) == BLOCKS
    assert ((counts - 2000) ** 2 / 2000).sum() < 58.3  # 0.999 of chi-squared with 29 degrees of freedom


@pytest.mark.service
@pytest.mark.parametrize("column", COLUMNS)
def test_sums_do_not_depend_on_the_order_of_documents(column):
    documents = [document(i, "the sea is wide and deep " * (i % 4 + 1), f"https://h{i % 3}.org/x") for i in range(50)]
    one, other = add_up(documents)[column], add_up(documents[::-1])[column]
    assert one.names == other.names
    assert one.sums == pytest.approx(other.sums, abs=1e-12)
    assert one.documents.sum() == 50


def test_lengths_are_words():
    found = add_up([document(0, "a b c"), document(1, "a\n b"), document(2, "")])["length"]
    assert found.names == (0, 2, 3)
    assert found.sums.sum(axis=0).tolist() == [1, 1, 1]


def test_a_character_of_chinese_or_japanese_is_a_word():
    found = add_up([document(0, "今天天气很好。"), document(1, "今天, 天气 hěn 好")])
    assert found["length"].names == (6,)
    assert found["ngrams"].sums.sum() == 10


def test_source_is_what_the_document_says_else_its_host():
    documents = [document(0, source="books", url="https://a.org/1"), document(1, url="https://A.org/1"), document(2)]
    assert add_up(documents)["source"].names == ("a.org", "books", "unknown")


def test_language_is_told_by_one_model_whatever_was_noted():
    german = "Die Fähre verlässt den Hafen am frühen Morgen, und niemand sagt ein Wort."
    assert add_up([document(0, german, language="en"), document(1, "")])["language"].names == ("de", "unknown")


def test_pairs_of_words_are_counted_without_case_and_signs():
    one = add_up([document(0, "The sea, the SEA.")])["ngrams"].sums
    other = add_up([document(0, "the sea -- the sea")])["ngrams"].sums
    assert one.sum() == 3
    assert (one == other).all()
    assert add_up([document(0, "alone")])["ngrams"].sums.sum() == 0


def test_values_that_one_version_has_alone_are_0_in_the_other():
    first = add_up([document(0, "a"), document(1, "a b")])["length"]
    second = add_up([document(1, "a b"), document(2, "a b c")])["length"]
    one, other, names = aligned(first, second)
    assert names == (1, 2, 3)
    assert (one.sum(axis=0).tolist(), other.sum(axis=0).tolist()) == ([1, 1, 0], [0, 1, 1])


def test_halves_and_blocks_hold_every_document_once():
    found = add_up([document(number) for number in range(500)])["length"]
    first, second = found.halves()
    assert len(first.documents) == len(second.documents) == len(found.together().documents) == BLOCKS
    assert 150 < first.documents.sum() < 350
    assert (found.together().sums == first.sums + second.sums).all()
    assert found.together().documents[row_of("d7") % BLOCKS] > 0
    assert found.together().documents.sum() == 500
