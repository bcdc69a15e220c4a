"""Finds cases of an evaluation that are copies of each other, or resemble each other, by what is written in them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from harness.gate.evaluations.cases import plain
from harness.records import Case

_FEWEST_WORDS = 3
"""Cases whose texts are all shorter are never copies: ten that say `Hi` may be meant."""
_TELLING, _ALIKE, _AGREEING, _FEWEST = 5, 0.4, 0.8, 0.05
"""Words by which like cases are looked for, the share of all words (by weight) that two of them have in common, the
share of like cases that a field has to group, and that of all cases that have to be alike."""


_MOST = 5_000
"""More cases are not looked through: it would take seconds before each run."""


class Copies(NamedTuple):
    """Of each case of an evaluation the id of the first that it is a copy of, or its own; and the ids of two copies."""

    labels: tuple[str, ...]
    example: tuple[str, str]

    @property
    def n_distinct(self) -> int:
        """The number of cases that are left where copies count once."""
        return len(set(self.labels))


def find_copies(cases: Sequence[Case]) -> Copies | None:
    """The cases that are copies of each other; None where there are none.

    Two are copies where all their fields but the id are equal, what is expected among them, after case folding and
    white space. Cases without a text of three words, and with what has no JSON form, are none.
    """
    first: dict[str, str] = {}
    labels = tuple(first.setdefault(_content(case) or f"id {case.id}", case.id) for case in cases)
    pairs = ((label, case.id) for label, case in zip(labels, cases, strict=True) if label != case.id)
    example = next(pairs, None)
    return None if example is None else Copies(labels, example)


class Alike(NamedTuple):
    """How many cases resemble one before them, the ids of two, and the field whose values group them; "" for none."""

    n: int
    example: tuple[str, str]
    field: str


def find_near(cases: Sequence[Case]) -> Alike | None:
    """The cases that resemble another one; None where fewer than one in twenty do."""
    cases = cases[:_MOST]
    alike = near_pairs(cases)
    if len(alike) < max(1, _FEWEST * len(cases)):
        return None
    grouping: list[tuple[int, bool, str]] = []
    for name in dict.fromkeys(name for case in cases for name in case if name != "id"):
        n_values = len({str(case.get(name)) for case in cases})
        n_agreeing = sum(str(one.get(name)) == str(other.get(name)) for one, other in alike)
        if 1 < n_values < len(cases) and n_agreeing >= _AGREEING * len(alike):
            grouping.append((n_values, name != "expected", name))
    field = max(grouping, key=lambda each: each[:2])[2] if grouping else ""
    return Alike(len(alike), (alike[0][0].id, alike[0][1].id), field)


def near_pairs(cases: Sequence[Case]) -> list[tuple[Case, Case]]:
    """The cases whose words are, for a good part, those of an earlier one, each after the first such.

    Words weigh by how rare they are, so that a template that all cases have is no likeness. A case is set beside the
    first ones that have its rarest words in common with it.
    """
    texts = [set(_folded(" ".join(_texts(case.fields))).split()) for case in cases]
    counts = Counter(word for words in texts for word in words)
    weights = {word: math.log(len(cases) / count) ** 2 for word, count in counts.items()}

    def likeness(one: set[str], other: set[str]) -> float:
        shared, every = (math.fsum(map(weights.__getitem__, words)) for words in (one & other, one | other))
        return shared / every if every else 0.0

    first: dict[str, int] = {}
    alike: list[tuple[Case, Case]] = []
    for number, (case, words) in enumerate(zip(cases, texts, strict=True)):
        telling = sorted((word for word in words if counts[word] > 1), key=lambda word: (counts[word], word))
        others = {first.setdefault(word, number) for word in telling[:_TELLING]} - {number}
        like = next((other for other in sorted(others) if likeness(words, texts[other]) >= _ALIKE), None)
        if like is not None:
            alike.append((cases[like], case))
    return alike


def _content(case: Case) -> str | None:
    """All fields of a case but its id, after folding; None for what is no copy of anything."""
    fields = {name: value for name, value in case.fields.items() if name != "id"}
    if max((len(text.split()) for text in _texts(fields)), default=0) < _FEWEST_WORDS:
        return None
    try:
        return json.dumps(_folded_in(fields), sort_keys=True, default=plain)
    except (TypeError, ValueError, RecursionError):
        return None


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _folded_in(value: Any) -> Any:
    """The same value with all of its texts folded."""
    if isinstance(value, str):
        return _folded(value)
    if isinstance(value, Mapping):
        return {name: _folded_in(each) for name, each in value.items()}
    return [*map(_folded_in, value)] if isinstance(value, list | tuple) else value


def _texts(value: Any) -> Iterable[str]:
    """All texts in a value, however deep, without an id."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        of_fields = isinstance(value, Mapping)
        for each in (value[name] for name in value if name != "id") if of_fields else value:
            yield from _texts(each)
