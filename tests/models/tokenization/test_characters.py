"""Characters that count as a word each are those of Han and Kana."""

from __future__ import annotations

import re
import unicodedata

import pytest

from harness.models.tokenization.characters import WORD_CHARACTERS


@pytest.mark.parametrize("text", ["北京", "ひらがな", "カタカナー", "ｶﾀｶﾅ", "々〇", "𠮷", "\ufa0e"])
def test_han_and_kana_are_among_them(text: str) -> None:
    assert re.fullmatch(f"[{WORD_CHARACTERS}]+", text)


@pytest.mark.parametrize("text", ["aé1_", "Лима", "서울", "กรุงเทพ", "「。」、", "-\u00ad ", "ﬁＡ"])
def test_letters_of_words_with_spaces_and_signs_are_not(text: str) -> None:
    assert re.search(f"[{WORD_CHARACTERS}]", text) is None


def test_all_that_unicode_names_an_ideograph_or_a_kana_is() -> None:
    regex = pytest.importorskip("regex")
    letters = "".join(filter(str.isalpha, map(chr, (*range(0xD800), *range(0xE000, 0x40000)))))
    known = set(regex.findall(r"[\p{Han}\p{Hiragana}\p{Katakana}]", letters))
    ours = set(re.findall(f"[{WORD_CHARACTERS}]", letters))
    assert ours - known == set("ー〆ｰ")
    rest = {each for each in known - ours if unicodedata.normalize("NFKC", each) == each}
    assert min(rest) > "\U00010000", "kana of old manuscripts alone"
