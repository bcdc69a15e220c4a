"""Documents in other languages, whole, short and mixed, out of the prose that was written for them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from random import Random

from tests.corpora.grammar import article, paragraph, sentences
from tests.corpora.planting import Planted

PROSE = Path(__file__).parents[2] / "evals" / "data" / "prose"
MIXED = ("de", "fr", "es", "it", "nl", "pt", "pl", "ru")
"""Languages that are mixed with English."""
_END = re.compile(r"(?<=[.!?।])\s+|(?<=。)")


@cache
def written_documents(language: str) -> tuple[str, ...]:
    """The documents of a language that a person wrote."""
    text = (PROSE / f"{language}.txt").read_text(encoding="utf-8")
    return tuple(each.strip() for each in text.split("\n%\n"))


@cache
def written_sentences(language: str) -> tuple[str, ...]:
    """Their sentences."""
    return tuple(each for text in written_documents(language) for each in _END.split(text) if each.strip())


def languages() -> list[str]:
    """All languages but English."""
    return sorted(path.stem for path in PROSE.glob("*.txt") if path.stem != "en")


def foreign(seed: str, count: int) -> Iterator[Planted]:
    """Documents that are not in English, or mostly not; so many of each kind and language, and half as many mixed."""
    for language in languages():
        for number, text in enumerate(written_documents(language)):
            told = {"language": language}
            yield Planted(
                f"language-written_{language}-{number:03}", text, source="written", file="language/whole", told=told
            )
        for number in range(count):
            name = f"language-whole_{language}-{number:03}"
            random = Random(f"{seed}:{name}")
            pool = written_sentences(language)
            text = _joined(random.sample(pool, min(len(pool), random.randint(5, 8))), language)
            yield Planted(name, text, file="language/whole", told={"language": language})
            name = f"language-short_{language}-{number:03}"
            text = Random(f"{seed}:{name}").choice(pool)
            yield Planted(name, text, file="language/short", told={"language": language})
    for language in MIXED:
        for number in range(count // 2):
            name = f"language-mixed_{language}-{number:03}"
            random = Random(f"{seed}:{name}")
            made = [*random.sample(written_sentences(language), 6), *_english(random, 2)]
            random.shuffle(made)
            yield Planted(name, " ".join(made), file="language/mixed", told={"language": language})


def english(seed: str, count: int) -> Iterator[Planted]:
    """Documents in English that are short, or that quote a sentence in another language; and those written."""
    for number, text in enumerate(written_documents("en")):
        yield Planted(
            f"language-written_en-{number:03}", text, source="written", file="language/spared", told={"near": "written"}
        )
    for number in range(count):
        name = f"language-short_en-{number:03}"
        text = _english(Random(f"{seed}:{name}"), 1)[0]
        yield Planted(name, text, file="language/spared", told={"near": "short"})
        name = f"language-quoting-{number:03}"
        random = Random(f"{seed}:{name}")
        made = article(random, 10, 14).split("\n")
        quoted = random.choice(written_sentences(random.choice(MIXED)))
        made.insert(len(made) // 2, f"The sign beside the door says: {quoted}")
        yield Planted(name, "\n".join(made), file="language/spared", told={"near": "quoting"})


def _english(random: Random, count: int) -> list[str]:
    return [paragraph([each]) for each in sentences(random, count)]


def _joined(said: Iterable[str], language: str) -> str:
    return ("" if language in ("zh", "ja") else " ").join(said)
