"""The texts of cases that a corpus may hold, and what a corpus must hold of each to give its case away."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.stages.case_files import FiledCase
from harness.stages.data.overlap.words import WordNumbers

QUESTIONS = ("prompt", "question", "query", "input")
ANSWERS = ("expected", "answer", "answers", "target", "targets")
_LEFT_OUT = ("id", "examples")
"""The name of a case, and the turns that all cases of a file are shown before their own."""

Gram = tuple[int, ...]
"""Words in a row, by their numbers."""


@dataclass(frozen=True, slots=True)
class OverlapRule:
    """The rule for what counts as overlap.

    The sizes are those of Brown et al. (2020), Language Models are Few-Shot Learners, appendix C: 13 words in a row,
    "N = 13", and 8 for what is shorter ("a minimum value of 8"); grams that more than 10 documents have are left out,
    as "common cultural phrases, legal boilerplate, or similar content".

    Attributes:
        words: in a row, of a text that has as many.
        fewest: of a shorter text, which must be there whole.
        fewest_asked: words of a question that counts where its answer follows, however often that is there.
        answer_within: words after a question, among which the answer must begin.
        most_documents: of different texts, that may have a gram which is still no boilerplate.
        most_texts: different texts of one case file that may have a gram which is still no part of their template.
    """

    words: int = 13
    fewest: int = 8
    fewest_asked: int = 3
    answer_within: int = 13
    most_documents: int = 10
    most_texts: int = 10


RULE = OverlapRule()


@dataclass(frozen=True, slots=True)
class Occurrence:
    """A case and its field in which a gram stands.

    Attributes:
        case: its number.
        field: such as "prompt" or "messages[0].content".
        needs_answer: whether it counts with the case's answer after it alone, for it is a question.
        before: the words of a question that is longer than a gram, which must stand before it.
    """

    case: int
    field: str
    needs_answer: bool = False
    before: Gram = ()


class CaseTexts:
    """The grams of all cases, each with the places that it has in them.

    Attributes:
        occurrences: by gram.
        answers: of each case, as words by number; those of a case that has none are empty.
        checked: the numbers of the cases of which something can be found.
        vocabulary: of the cases; it is closed.
    """

    def __init__(self, cases: Sequence[FiledCase], rule: OverlapRule) -> None:
        self.vocabulary = WordNumbers()
        self.answers: list[tuple[Gram, ...]] = []
        found: dict[Gram, list[Occurrence]] = defaultdict(list)
        files: dict[tuple[str, Gram], set[Gram]] = defaultdict(set)
        for number, case in enumerate(cases):
            fields = case.case.fields
            self.answers.append(tuple(filter(None, map(self._gram, answers_of(fields)))))
            for field, text in texts_of(fields):
                whole = self._gram(text)
                for gram, occurrence in self._grams(number, field, whole, rule):
                    found[gram].append(occurrence)
                    files[case.file, gram].add(whole)
        self.vocabulary.close()
        template = {(file, gram) for (file, gram), texts in files.items() if len(texts) > rule.most_texts}
        self.occurrences: dict[Gram, tuple[Occurrence, ...]] = {}
        for gram, places in found.items():
            kept = [each for each in places if each.needs_answer or (cases[each.case].file, gram) not in template]
            if kept:
                self.occurrences[gram] = tuple(dict.fromkeys(kept))
        self.checked = frozenset(each.case for places in self.occurrences.values() for each in places)

    def _gram(self, text: str) -> Gram:
        return tuple(self.vocabulary.numbers(text).tolist())

    def _grams(self, case: int, field: str, gram: Gram, rule: OverlapRule) -> Iterator[tuple[Gram, Occurrence]]:
        """Yield the grams to search for: all of a text, a short text itself, a question's end for its answer."""
        if len(gram) >= rule.words:
            for start in range(len(gram) - rule.words + 1):
                yield gram[start : start + rule.words], Occurrence(case, field)
        elif len(gram) >= rule.fewest:
            yield gram, Occurrence(case, field)
        if len(gram) >= rule.fewest_asked and field in QUESTIONS and self.answers[case]:
            yield gram[-rule.words :], Occurrence(case, field, needs_answer=True, before=gram[: -rule.words])


def texts_of(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each text of a case with the name of its place, without its id and the turns that it is shown.

    >>> list(texts_of({"id": "a", "messages": [{"role": "user", "content": "Hello"}], "expected": 4}))
    [('messages[0].role', 'user'), ('messages[0].content', 'Hello')]
    """
    for name, value in fields.items():
        if name not in _LEFT_OUT:
            yield from _texts(str(name), value)


def _texts(place: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(f"{place}.{name}", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from _texts(f"{place}[{number}]", inner)


def answers_of(fields: Mapping[str, Any]) -> list[str]:
    """The answers that a case expects; of a choice by its number, what it stands for.

    >>> answers_of({"expected": 4}), answers_of({"choices": ["ten", "eight"], "answer": 1})
    (['4'], ['eight'])
    """
    found: list[str] = []
    for name in ANSWERS:
        value, choices = fields.get(name), fields.get("choices")
        if isinstance(choices, list | tuple) and type(value) is int and 0 <= value < len(choices):
            value = choices[value]
        values: Iterable[Any] = value if isinstance(value, list | tuple) else (value,)
        found += [str(each) for each in values if isinstance(each, str | int | float) and not isinstance(each, bool)]
    return found
