"""Words of texts, by BM25."""

from __future__ import annotations

import sys
import unicodedata
from pathlib import Path

import pytest

from harness.config import customization
from harness.errors import UsageError
from harness.models.retrieval.lexical import LANGUAGES, LexicalIndex


def test_scores_are_bm25s_own(tmp_path: Path) -> None:
    texts = ["A cat sat on the mat.", "Dogs chase cats.", "The mat is red and the mat is old."]
    index = LexicalIndex.of(texts, None)
    bm25s = pytest.importorskip("bm25s")
    oracle = bm25s.BM25(method="lucene")
    oracle.index(bm25s.tokenize(texts, stopwords=None, show_progress=False), show_progress=False)
    for query in (["mat"], ["the", "cat"], ["red", "mat"]):
        assert index.scores(" ".join(query)).tolist() == pytest.approx(oracle.get_scores(query).tolist(), rel=1e-6)
    index.save(tmp_path / "index")
    again = LexicalIndex.load(tmp_path / "index", None)
    assert again.scores("red mat").tolist() == index.scores("red mat").tolist()


def test_the_settings_know_the_same_languages() -> None:
    assert sorted(LANGUAGES) == sorted(customization.LANGUAGES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_stems_and_words_that_are_left_out(language: str) -> None:
    assert LexicalIndex.of(["one two three", "four"], language).scores("three").tolist()[1] == 0


def test_stems_and_left_out_words_are_of_the_language() -> None:
    index = LexicalIndex.of(["Die Bibliotheken sind geöffnet", "Der Hund bellt"], "german")
    assert index.scores("Bibliothek").tolist()[0] > 0
    assert index.scores("der die das").tolist() == [0, 0]


@pytest.mark.parametrize("language", [None, "english"])
def test_a_character_of_chinese_or_japanese_is_a_word(language: str | None) -> None:
    """A sentence was one word, which no question has."""
    index = LexicalIndex.of(["图书馆九点开门", "カードは12ユーロです", "Open at nine, 图"], language)
    assert [score > 0 for score in index.scores("图书馆几点开门?")] == [True, False, True]
    assert index.scores("カード").argmax() == 1
    assert index.scores("12")[1] > 0


@pytest.mark.parametrize("language", [None, "german"])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
def test_letters_are_the_same_however_they_are_composed(form: str, asked: str, language: str | None) -> None:
    texts = [unicodedata.normalize(form, text) for text in ("Die Größe der Schlüssel", "Der Schluss", "Der Hund")]
    index = LexicalIndex.of(texts, language)
    assert [score > 0 for score in index.scores(unicodedata.normalize(asked, "Größe Schlüssel?"))] == [
        True,
        False,
        False,
    ]


def test_words_that_no_text_has_score_nothing() -> None:
    index = LexicalIndex.of(["red", "blue"], "english")
    assert index.scores("green").tolist() == index.scores("!").tolist() == [0, 0]


def test_texts_without_a_word_are_refused() -> None:
    with pytest.raises(UsageError, match=r"No passage has a word.* commonest of english; language = .*method = .dense"):
        LexicalIndex.of(["the", "of"], "english")
    with pytest.raises(UsageError, match=r"Words of one letter are left out\. Or find by meaning"):
        LexicalIndex.of(["a", "b"], None)


@pytest.mark.parametrize(("module", "package"), [("bm25s", "bm25s"), ("Stemmer", "pystemmer")])
def test_what_is_not_installed_is_named(module: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=rf'needs {package}: pip install "steelyard\[customization\]"'):
        LexicalIndex.of(["red", "blue"], "english")
