"""Documents that are there several times: letter by letter, but for case and signs, and nearly.

Of each cluster the first stays. Which that is depends on the ids alone (`place_of`), and the truth names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from random import Random

from harness.stages.data.steps.step import place_of
from tests.corpora.grammar import article, paragraph
from tests.corpora.pairs import SIMILARITIES, near_pair
from tests.corpora.planting import Planted

PAIRS = "minhash/pairs"
SMALL = frozenset(
    ["a", "an", "and", "as", "be", "by", "for", "have", "in", "of", "on", "or", "that", "the", "to", "was", "with"]
)
"""Words that stay small in titles."""


def as_title(text: str) -> str:
    """The text with large first letters, as titles have them."""
    return re.sub(r"\w+", lambda word: word[0] if word[0] in SMALL else word[0].capitalize(), text)


EQUAL: Mapping[str, Callable[[str], str]] = {
    "identical": lambda text: text,
    "spaces": lambda text: text.replace(" ", "  ", 3).replace("\n", "\n\n") + "\n",
    "case": as_title,
}
"""What copies may differ by and still be equal."""
ALIKE: Mapping[str, Callable[[str], str]] = {
    "case_and_signs": lambda text: as_title(text).replace(".", "!"),
    "signs": lambda text: text.replace(",", " -").replace(".", "!"),
    "numbers": lambda text: re.sub(r"\d+", "7", text),
    "accents": lambda text: text.replace("ee", "éé").replace("oo", "óó").replace(".", "!"),
}
"""What copies may differ by and still have the same n-grams."""


def clusters(seed: str, count: int) -> Iterator[Planted]:
    """Clusters of two to four copies, so many of each kind."""
    for step, kinds in (("exact", EQUAL), ("minhash", ALIKE)):
        for kind, changed in kinds.items():
            for number in range(count):
                cluster = f"{step}-{kind}-{number:03}"
                random = Random(f"{seed}:{cluster}")
                text = article(random, 8, 14)
                if kind == "numbers":  # else not every text has one
                    text += "\nThere were 3500 of them in all."
                names = [f"{cluster}-{letter}" for letter in "abcd"[: random.randint(2, 4) if step == "exact" else 2]]
                first, *copies = sorted(names, key=place_of)
                told = {"kind": kind, "copies": copies}
                yield Planted(first, text, file=f"{step}/clusters", told=told)
                for name in copies:
                    yield Planted(name, changed(text))


def near(seed: str, count: int) -> Iterator[Planted]:
    """Pairs of each similarity, so many."""
    for similarity in SIMILARITIES:
        for number in range(count):
            yield from _pair(f"minhash-{round(100 * similarity)}-{number:03}", similarity, seed)


def _pair(name: str, similarity: Fraction, seed: str) -> Iterator[Planted]:
    texts = near_pair(Random(f"{seed}:{name}"), similarity)
    first, second = sorted((f"{name}-a", f"{name}-b"), key=place_of)
    yield Planted(first, paragraph(texts[0]), file=PAIRS, told={"similarity": float(similarity), "copy": second})
    yield Planted(second, paragraph(texts[1]))
