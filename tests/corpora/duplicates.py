"""Documents that are there several times: letter by letter, but for case and signs, and nearly.

Of each cluster the first stays. Which that is depends on the ids alone (`place_of`), and the truth names it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from random import Random

from harness.stages.data.steps.step import place_of
from tests.corpora.grammar import article, paragraph
from tests.corpora.pairs import SIMILARITIES, near_pair
from tests.corpora.planting import Planted

EQUAL = {
    "identical": lambda text: text,
    "spaces": lambda text: text.replace(" ", "  ", 3).replace("\n", "\n\n") + "\n",
    "case": lambda text: text.title(),
}
"""What copies may differ by and still be equal."""
ALIKE = {
    "case_and_signs": lambda text: text.upper().replace(".", "!"),
    "signs": lambda text: text.replace(",", " -").replace(".", "!"),
    "numbers": lambda text: re.sub(r"\d+", "7", text) + " There were 12 of them.",
    "accents": lambda text: text.replace("a", "á").replace(".", "!"),
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
                if kind == "numbers":
                    text += " There were 3500 of them."
                names = [f"{cluster}-{letter}" for letter in "abcd"[: random.randint(2, 4) if step == "exact" else 2]]
                first, *copies = sorted(names, key=place_of)
                told = {"kind": kind, "copies": copies}
                yield Planted(first, text, file=f"{step}/clusters", told=told)
                if kind == "numbers":
                    text = text.removesuffix(" There were 3500 of them.")
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
    told = {"similarity": float(similarity), "copy": second}
    yield Planted(first, paragraph(texts[0]), file="minhash/pairs", told=told)
    yield Planted(second, paragraph(texts[1]))
