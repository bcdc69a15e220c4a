"""Texts that are nearly equal, to a degree that is known exactly."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

N_GRAMS = 5
"""Words in a row that count as one element of a text's set."""
_CONSONANTS, _VOWELS = "bdfgklmnprstvz", "aeiou"


@dataclass(frozen=True, slots=True)
class PlantedPair:
    """Two texts that differ in some words.

    Attributes:
        similarity: Jaccard's, of the sets of their 5-grams.
    """

    first: str
    second: str
    similarity: Fraction


def plant_pair(similarity: Fraction, generator: np.random.Generator) -> PlantedPair:
    """Two texts of made-up words whose 5-grams have exactly this Jaccard similarity.

    Words are replaced one by one, at least five apart, so that each replacement takes five 5-grams from the one text
    and puts five of its own in their place: of n 5-grams n − 5k are shared and 2 · 5k are not.

    Args:
        similarity: such as Fraction(13, 20), above 0 and below 1.
        generator: of the words and the places.
    """
    shared, all_of_them = similarity.numerator, similarity.denominator
    scale = -(-150 // (all_of_them + shared))
    while scale * (all_of_them - shared) % N_GRAMS:
        scale += 1
    n_grams, n_changes = scale * (all_of_them + shared), scale * (all_of_them - shared) // N_GRAMS
    n_words = n_grams + N_GRAMS - 1
    all_words = made_up_words(n_words + n_changes, generator)
    words, others = all_words[:n_words], all_words[n_words:]
    changed = list(words)
    for place, word in zip(_places(n_grams, n_changes, generator), others, strict=True):
        changed[place] = word
    return PlantedPair(" ".join(words), " ".join(changed), similarity)


def _places(n_grams: int, n_changes: int, generator: np.random.Generator) -> list[int]:
    """Places of words that are in five 5-grams each, no two of them in the same."""
    apart = N_GRAMS - 1
    free = n_grams - apart - apart * (n_changes - 1)
    chosen = np.sort(generator.choice(free, size=n_changes, replace=False))
    return [int(place) + apart + apart * order for order, place in enumerate(chosen)]


def made_up_words(count: int, generator: np.random.Generator) -> list[str]:
    """Different words of three syllables, of which there are 343,000: texts of them share no 5-gram by chance."""
    syllables = [consonant + vowel for consonant in _CONSONANTS for vowel in _VOWELS]
    numbers = generator.choice(len(syllables) ** 3, size=count, replace=False)
    places = zip(*np.unravel_index(numbers, (len(syllables),) * 3), strict=True)
    return ["".join(syllables[place] for place in word) for word in places]


def found_probability(similarity: float, buckets: int, hashes_per_bucket: int) -> float:
    """How probably MinHash in buckets finds a pair: 1 − (1 − s^r)^b (Leskovec, Rajaraman and Ullman, 2014, 3.4)."""
    return 1 - (1 - similarity**hashes_per_bucket) ** buckets


def n_grams_of(text: str) -> set[tuple[str, ...]]:
    """The set of a text's 5-grams, by its spaces alone."""
    words = text.split()
    return set(zip(*(words[start:] for start in range(N_GRAMS)), strict=False))
