"""Sentences, paragraphs and texts in English, drawn at random from a grammar.

A text is a list of sentences, a sentence a list of tokens with the kind of word that each is, so that a word can be put
in the place of another of its kind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cache, partial
from random import Random

from tests.corpora.repeats import varied
from tests.corpora.vocabulary import WORDS

SENTENCES = """
the {adjective} {person} {transitive} the {thing} in the {place} .
{time} , the {person} {transitive} a {adjective} {thing} and {intransitive} {adverb} .
{name} , a {person} from the {adjective} {place} , {transitive} the {thing} {time} .
it was {name} who {adverb} {transitive} the {adjective} {thing} near the {place} .
when the {person} {intransitive} , the {adjective} {person} {transitive} every {thing} that {name} had {transitive} .
nobody in the {place} believed that the {person} had {transitive} the {adjective} {thing} .
the {idea} of the {place} depends on the {idea} of its {adjective} {thing} .
{name} and {name} {intransitive} beside the {place} while the {person} {transitive} their {thing} .
there is a {adjective} {thing} behind the {place} , and the {person} {transitive} it {time} .
although the {idea} was {adjective} , {name} {transitive} the {thing} with great {idea} .
the {person} who {transitive} the {adjective} {thing} was also the one who {transitive} the {thing} .
to be {adjective} is not enough for a {person} , said {name} , who had {transitive} a {thing} in the {place} .
most visitors to the {place} have heard of its {adjective} {thing} , but few know about the {idea} .
because of the {idea} , the {person} {adverb} {transitive} both the {thing} and the {thing} .
{time} there were more than {number} people in the {place} , and the {person} {transitive} them all .
in {year} a {adjective} {person} named {name} {transitive} the {thing} of the {place} .
the {thing} and the {thing} were {adjective} , the {thing} was {adjective} , and the {person} {intransitive} {adverb} .
if the {idea} had been {adjective} , the {person} would have {transitive} the {thing} instead of the {thing} .
{name} {adverb} {transitive} the {person} , because the {adjective} {thing} stood too close to the {place} .
after the {idea} , those that {intransitive} {transitive} what the {person} had left in the {place} .
how the {thing} came to the {place} is a {idea} that the {adjective} {person} never told .
does the {person} have a {adjective} {thing} , or was it {transitive} by {name} {time} ?
the {person} {transitive} {number} pieces of the {thing} and {adverb} {transitive} the rest .
every {adjective} {thing} in the {place} has its {idea} , and every {person} has heard it .
it is said that {name} {intransitive} in the {place} {time} , with a {thing} in each hand .
between the {place} and the {place} lies a {adjective} {place} where the {person} {transitive} a {thing} .
the {person} asked for a {thing} , but {name} had only a {adjective} {thing} to give .
{adjective} as it was , the {thing} {adverb} reminded the {person} of the {idea} in the {place} .
some of the {thing} was {transitive} by the {person} , and some was {transitive} by {name} and the {person} .
with the {adjective} {thing} under one arm , {name} {adverb} {transitive} the {place} and {intransitive} there .
what the {person} wanted most was a {thing} that could be {transitive} without {idea} .
the {place} of today would not be {adjective} without the {idea} that {name} brought to it .
" we have to be {adjective} , " said the {person} , and {transitive} the {thing} of the {place} .
neither the {person} nor the {person} {transitive} the {thing} , and so {name} {intransitive} {time} .
on the {adjective} side of the {place} , far from the {idea} , the {person} {adverb} {transitive} a {thing} .
""".strip().splitlines()

KINDS = frozenset(WORDS) - {"time"}
"""Kinds of words that may stand for one another."""
_SLOT = re.compile(r"\{(\w+)\}")
_AN = re.compile(r"(?!uni|use)[aeiou]|hon|hour", re.IGNORECASE)
_CLOSE = frozenset(".,;:?!")


@dataclass(frozen=True, slots=True)
class Token:
    """A word or a sign of a sentence, and the kind of word that it is (empty: it belongs to the sentence)."""

    text: str
    kind: str = ""


Sentence = tuple[Token, ...]


@cache
def _template(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _filled(part: str, random: Random) -> list[Token]:
    slot = _SLOT.fullmatch(part)
    if slot is None:
        return [Token(part)]
    kind = slot[1]
    if kind == "number":
        return [Token(str(random.randrange(3, 400)))]
    if kind == "year":
        return [Token(str(random.randrange(1700, 2024)))]
    word = random.choice(WORDS[kind])
    return [Token(each) for each in word.split()] if kind == "time" else [Token(word, kind)]


def sentence(random: Random) -> Sentence:
    """A sentence of the grammar."""
    return filled(random.choice(SENTENCES), random)


def filled(template: str, random: Random) -> Sentence:
    """A sentence with words in the places of their kinds, as `{adjective}`."""
    return tuple(token for part in _template(template) for token in _filled(part, random))


def sentences(random: Random, count: int) -> list[Sentence]:
    """So many sentences."""
    return [sentence(random) for _ in range(count)]


def is_word(token: Token) -> bool:
    """Whether a token is a word, and not a sign."""
    return token.text not in _CLOSE and token.text != '"'


def words(text: list[Sentence]) -> int:
    """The number of words of a text."""
    return sum(is_word(token) for each in text for token in each)


def written(each: Sentence) -> str:
    """A sentence as it is written: its first letter large, articles that fit, signs where they belong."""
    made: list[str] = []
    is_open = False
    for number, token in enumerate(each):
        text = token.text
        if text == "a" and number + 1 < len(each) and _AN.match(each[number + 1].text):
            text = "an"
        if text == '"':
            is_open = not is_open
            made.append(' "' if is_open else '"')
        elif text in _CLOSE:
            made.append(text)
        else:
            made.append(text if made and made[-1] == ' "' else f" {text}")
    line = "".join(made).strip()
    first = re.search(r"\w", line)
    assert first is not None
    place = first.start()
    return line[:place] + line[place].upper() + line[place + 1 :]


def paragraph(text: list[Sentence]) -> str:
    """Sentences as one paragraph."""
    return " ".join(map(written, text))


def article(random: Random, least: int = 7, most: int = 22) -> str:
    """A text of several paragraphs, one to a line, of so many sentences; it does not repeat itself."""
    return varied(partial(_article, least, most))(random)


def _article(least: int, most: int, random: Random) -> str:
    left = random.randint(least, most)
    paragraphs = []
    while left > 0:
        size = min(left, random.randint(2, 6))
        paragraphs.append(paragraph(sentences(random, size)))
        left -= size
    return "\n".join(paragraphs)


def exchanged(token: Token, random: Random) -> Token:
    """Another word of the token's kind, which takes the same article."""
    assert token.kind in KINDS
    while True:
        word = random.choice(WORDS[token.kind])
        if word != token.text and bool(_AN.match(word)) == bool(_AN.match(token.text)):
            return replace(token, text=word)
