"""How much of a text was there before: a text that repeats itself by accident is drawn again.

The shares are those of Rae et al. (2021), table A1, as datatrove counts them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from random import Random

DUPLICATED = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.10}
"""The largest share of characters in n-grams that were there before, by their length in words."""
TOP = {2: 0.2, 3: 0.18, 4: 0.16}
"""The largest share of characters in the n-gram that comes most often, by its length in words."""
_WORD = re.compile(r"\w+|[^\w\s]")


def repeated(words: list[str], n: int) -> int:
    """The characters of the n-grams that were there before; none is counted into two of them."""
    seen: set[str] = set()
    place = count = 0
    while place <= len(words) - n:
        said = "".join(words[place : place + n])
        count += len(said) if said in seen else 0
        place += n if said in seen else 1
        seen.add(said)
    return count


def _commonest(words: list[str], n: int) -> int:
    """The characters of the n-gram that comes most often, each time that it comes."""
    found = Counter(" ".join(words[place : place + n]) for place in range(len(words) - n + 1))
    said, count = found.most_common(1)[0] if found else ("", 0)
    return len(said) * count


def is_varied(text: str) -> bool:
    """Whether a text keeps all of the shares."""
    words = _WORD.findall(text)
    return all(repeated(words, n) <= most * len(text) for n, most in DUPLICATED.items()) and all(
        _commonest(words, n) <= most * len(text) for n, most in TOP.items()
    )


def varied(make: Callable[[Random], str]) -> Callable[[Random], str]:
    """The same maker of texts, which draws again until one keeps them."""

    def made(random: Random) -> str:
        while not is_varied(text := make(random)):
            pass
        return text

    return made
