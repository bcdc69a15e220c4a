"""Text to hide facts in."""

from __future__ import annotations

from itertools import pairwise
from random import Random

from harness.stages.customization.haystack import NAMES, PLACES, sentences
from harness.stages.data.overlap.words import words_of


def test_a_seed_gives_the_same_sentences_and_more_go_on() -> None:
    assert sentences(Random(4), 20) == sentences(Random(4), 50)[:20]
    assert sentences(Random(4), 20) != sentences(Random(5), 20)


def test_no_sentence_tells_of_what_facts_tell_of() -> None:
    made = sentences(Random(1), 2000)
    words = {word for sentence in made for word in words_of(sentence)}
    planted = {word for text in (*NAMES, *PLACES, "secret number") for word in words_of(text)}
    assert words & planted == set()
    assert not any(letter.isdigit() for sentence in made for letter in sentence)
    assert len(set(made)) > 1000
    assert all(one != other for one, other in pairwise(made))
