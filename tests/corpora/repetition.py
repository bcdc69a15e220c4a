"""Texts that repeat themselves, by each rule of Gopher's, and texts that nearly do."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from random import Random

from tests.corpora.grammar import Sentence, paragraph, sentences, written
from tests.corpora.planting import Maker, Planted, both
from tests.corpora.repeats import DUPLICATED, TOP, repeated

PHRASES = {
    2: ("splendid harbours", "peculiar monument", "wonderful gardens", "forgotten letters", "mountain railways"),
    3: ("silver wooden ladder", "little brown rabbit", "bright summer garden", "narrow garden fences"),
    4: ("seven bright little birds", "many quiet sunny roads", "three large green doors", "those small brown boats"),
}
"""Phrases whose words are about equally long, so that shorter n-grams in them stay within their own limits."""


def paragraphs(repeats: int, others: int, random: Random) -> str:
    """Short paragraphs of which some are there twice, in the middle of longer ones."""
    short = [paragraph(sentences(random, 1)) for _ in range(repeats)]
    rest = [paragraph(sentences(random, 3)) for _ in range(others)]
    return "\n\n".join([*short, *rest, *short])


def long_paragraph(size: int, random: Random) -> str:
    """A paragraph that is there twice among six others."""
    long = paragraph(sentences(random, size))
    rest = [paragraph(sentences(random, 3)) for _ in range(6)]
    return "\n\n".join([rest[0], long, *rest[1:4], long, *rest[4:]])


def lines(repeats: int, others: int, random: Random) -> str:
    """Lines of which some are there twice, under one paragraph."""
    short = [paragraph(sentences(random, 1)) for _ in range(repeats)]
    rest = [paragraph(sentences(random, 3)) for _ in range(others)]
    return "\n".join([*short, *rest, *short])


def long_line(size: int, random: Random) -> str:
    """A line that is there twice among six others."""
    return long_paragraph(size, random).replace("\n\n", "\n")


def phrase(length: int, share: float, random: Random) -> str:
    """A text in which a phrase of so many words makes up this share of the characters."""
    said = random.choice(PHRASES[length])
    made: list[str] = []
    for each in sentences(random, 14):
        made += written(each).split(" ")
    size = len(" ".join(made))
    count = round(size * share / (len(said) - share * (len(said) + 1)))
    # Between words of one sentence, so that no sign comes into the phrase and each neighbour differs.
    for place in sorted(random.sample(range(1, len(made)), count), reverse=True):
        made.insert(place, said)
    return " ".join(made)


def passages(length: int, share: float, random: Random) -> str:
    """A text in which passages of so many words are there twice, and make up about this share of the characters.

    No shorter passage may break its own rule, for which texts are drawn until none does.
    """
    while True:
        text = _with_passages(length, share, random)
        words = text.replace(".", " .").split()
        is_over = share > DUPLICATED[length]
        over = [n for n, most in DUPLICATED.items() if repeated(words, n) / len(text) > most - 0.005]
        if over[:1] == ([length] if is_over else []) and (repeated(words, length) / len(text) > share - 0.01):
            return text


def _with_passages(length: int, share: float, random: Random) -> str:
    made: list[list[str]] = []
    n_repeated = size = 0
    while len(made) < 24 or n_repeated < share * size:
        if n_repeated < share * size or not made:
            said = _passage(random, length)
            more = [_framed(said, random), _framed(said, random)]
            n_repeated += len("".join(said))
        else:
            more = [_plain(sentences(random, 1)[0])]
        made += more
        size += sum(len(" ".join(words)) + 2 for words in more)
    random.shuffle(made)
    return " ".join(" ".join(words).capitalize() + "." for words in made)


def _plain(each: Sentence) -> list[str]:
    return written(each).translate(str.maketrans("", "", '.,?"')).lower().split()


def _passage(random: Random, length: int) -> list[str]:
    while len(said := _plain(sentences(random, 1)[0])) < length:
        pass
    return said[:length]


def _framed(said: list[str], random: Random) -> list[str]:
    before, after = (_plain(each) for each in sentences(random, 2))
    return [*before[: random.randint(2, 3)], *said, *after[-random.randint(2, 3) :]]


def _rules() -> dict[str, tuple[Maker, Maker]]:
    rules: dict[str, tuple[Maker, Maker]] = {
        "dup_para_frac": (partial(paragraphs, 4, 4), partial(paragraphs, 2, 6)),
        "dup_para_char_frac": (partial(long_paragraph, 9), partial(long_paragraph, 2)),
        "dup_line_frac": (partial(lines, 4, 4), partial(lines, 2, 6)),
        "dup_line_char_frac": (partial(long_line, 9), partial(long_line, 2)),
    }
    for length, most in TOP.items():
        rules[f"top_{length}_gram"] = partial(phrase, length, most + 0.03), partial(phrase, length, most - 0.05)
    for length, most in DUPLICATED.items():
        rules[f"duplicated_{length}_n_grams"] = (
            partial(passages, length, most + 0.012),
            partial(passages, length, most - 0.04),
        )
    return rules


def repetitions(seed: str, counts: tuple[int, int]) -> Iterable[Planted]:
    """Documents for each rule: so many that break it, and so many that come near."""
    return both("gopher_repetition", _rules(), seed, counts)
