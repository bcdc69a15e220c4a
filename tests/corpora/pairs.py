"""Pairs of texts whose similarity is known exactly.

The similarity is Jaccard's of the sets of 5-grams, over words without case and signs, one number like another: what
MinHash estimates. A second text is the first with words exchanged for others of their kind. With n 5-grams in either,
of which a differ, it is (n - a) / (n + a), so n is made a multiple of what the similarity needs.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from random import Random

from tests.corpora.grammar import KINDS, Sentence, exchanged, is_word, sentence, sentences, words

N_GRAM = 5
SIMILARITIES = tuple(Fraction(number, 20) for number in (10, 12, 14, 16, 18, 19))
"""0.5, 0.6, 0.7, 0.8, 0.9 and 0.95."""
FEWEST, MOST = 95, 200
"""5-grams of a text."""


def shingles(text: list[Sentence]) -> list[tuple[str, ...]]:
    """The 5-grams of a text, as they follow each other."""
    said = ["0" if token.text.isdigit() else token.text.lower() for each in text for token in each if is_word(token)]
    return [tuple(said[place : place + N_GRAM]) for place in range(len(said) - N_GRAM + 1)]


def jaccard(first: list[Sentence], second: list[Sentence]) -> Fraction:
    """The similarity of two texts."""
    one, other = set(shingles(first)), set(shingles(second))
    return Fraction(len(one & other), len(one | other))


def near_pair(random: Random, similarity: Fraction) -> tuple[list[Sentence], list[Sentence]]:
    """Two texts of exactly this similarity."""
    share = (1 - similarity) / (1 + similarity)
    # An exchanged word takes N_GRAM 5-grams with it, so that a multiple of them is soon found.
    unit = share.denominator * N_GRAM // gcd(share.numerator, N_GRAM)
    sizes = range(-(-FEWEST // unit) * unit, MOST + 1, unit)
    while True:
        n = random.choice(sizes)
        first = _text_of(random, n + N_GRAM - 1)
        second = _reworded(random, first, int(share * n))
        if second is not None and len(set(shingles(first))) == n and jaccard(first, second) == similarity:
            return first, second


def _text_of(random: Random, count: int) -> list[Sentence]:
    """A text of so many words: its last sentences are drawn until it is."""
    text: list[Sentence] = []
    while words(text) < count - 42:
        text.append(sentence(random))
    while count - words(text) < 24:
        text.pop()
    left = count - words(text)
    while True:
        last = sentences(random, 2 if left < 36 else 3)
        if words(last) == left:
            return [*text, *last]


def _reworded(random: Random, text: list[Sentence], lost: int) -> list[Sentence] | None:
    """The text with words exchanged so that `lost` of its 5-grams differ; None where it did not come out."""
    tokens = [token for each in text for token in each]
    spoken = [number for number, token in enumerate(tokens) if is_word(token)]
    n = len(spoken) - N_GRAM + 1
    free = [place for place, number in enumerate(spoken) if tokens[number].kind in KINDS]
    random.shuffle(free)
    touched: set[int] = set()
    for place in free:
        more = set(range(max(0, place - N_GRAM + 1), min(n, place + 1))) - touched
        if more and len(touched) + len(more) <= lost:
            touched |= more
            tokens[spoken[place]] = exchanged(tokens[spoken[place]], random)
    if len(touched) < lost:
        return None
    left = iter(tokens)
    return [tuple(next(left) for _ in each) for each in text]
