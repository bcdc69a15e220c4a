from __future__ import annotations

import pytest

from harness.stages.data.ablation.plan import END
from harness.stages.data.ablation.vocabulary import BytePairVocabulary

TEXTS = ["the cat sat on the mat", "the other cat sat there"] * 5


@pytest.mark.parametrize("text", ["the cat", "Größe, 東京 \x00\n\ttab", "<end>", "a\ud800b", ""])
def test_texts_come_back(text: str) -> None:
    vocabulary = BytePairVocabulary(TEXTS, 300)
    (tokens,) = vocabulary.encode([text])
    assert vocabulary.decode(tokens) == text.encode("utf-8", "replace").decode()
    assert END not in tokens


def test_what_is_seen_often_is_one_token() -> None:
    vocabulary = BytePairVocabulary(TEXTS, 300)
    assert vocabulary.encode([" the", " cat"])[0] == [vocabulary.encode([" the"])[0][0]]
    assert len(vocabulary.encode(["xyzzy"])[0]) == 5
    assert vocabulary.longest >= 4


def test_the_same_texts_give_the_same_tokens() -> None:
    one, other = (BytePairVocabulary(TEXTS, 300).encode(TEXTS) for _ in range(2))
    assert one == other


def test_it_is_no_larger_than_asked() -> None:
    assert BytePairVocabulary(TEXTS, 265).size == 265
