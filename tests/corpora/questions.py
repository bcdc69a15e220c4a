"""What tiny models of an ablation are measured by: texts of the grammar that are in no corpus, and gaps to fill."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.corpora.grammar import Sentence, article, paragraph, sentence, written
from tests.corpora.grammar import Token as Word
from tests.corpora.vocabulary import WORDS

_BEFORE = 3
"""Words of the sentence at least that stand before the gap."""
_AFTER = 3
"""Words after the gap that are weighed with it."""
_WRONG = ("adverb", "person", "place", "transitive", "adjective", "name", "idea")
"""Kinds of words of which one is put where it can't stand."""
_SAME = ({"person", "place", "thing", "idea"}, {"transitive", "intransitive"})
"""Kinds that stand in the same places, as far as the grammar of English goes."""


def held_out(seed: str, count: int) -> Iterator[dict[str, Any]]:
    """Texts as clean documents are, with words drawn anew."""
    for number in range(count):
        name = f"held_out-{number:03}"
        yield {"id": name, "text": article(Random(f"{seed}:{name}"))}


def cloze(seed: str, count: int) -> Iterator[dict[str, Any]]:
    """Sentences that are broken off, each with four words that could be next, of which one kind fits."""
    for number in range(count):
        name = f"cloze-{number:03}"
        random = Random(f"{seed}:{name}")
        while (item := _item(random)) is None:
            pass
        yield {"id": name, **item}


def _item(random: Random) -> dict[str, Any] | None:
    """One question; None where the sentence that was drawn has no gap."""
    told = sentence(random)
    gaps = [place for place in range(_BEFORE, len(told) - _AFTER) if told[place].kind in WORDS]
    if not gaps:
        return None
    place = random.choice(gaps)
    kind = told[place].kind
    kinds = [each for each in _WRONG if each != kind and not any({each, kind} <= same for same in _SAME)]
    wrong = [random.choice(WORDS[each]) for each in random.sample(kinds, 3)]
    choices = [_rest(told, place, word) for word in (told[place].text, *wrong)]
    if None in choices or len(set(choices)) < len(choices):
        return None
    answer = random.randrange(len(choices))
    choices[0], choices[answer] = choices[answer], choices[0]
    start = written(told[:place])
    return {"context": f"{paragraph([sentence(random)])} {start}", "choices": choices, "answer": answer}


def _rest(told: Sentence, place: int, word: str) -> str | None:
    """The sentence from its gap on, with a word in it; None where its beginning would be written otherwise."""
    start = written(told[:place])
    put = (*told[:place], Word(word, told[place].kind), *told[place + 1 : place + 1 + _AFTER])
    whole = written(put)
    return whole[len(start) :] if whole.startswith(f"{start} ") else None
