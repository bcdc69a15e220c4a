"""Cases of evaluations that a corpus contains, with the place: whoever trains on it has seen them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from harness.stages.case_files import CaseSource, FiledCase, filed_cases
from harness.stages.data.overlap.case_texts import RULE, CaseTexts, Gram, Occurrence, OverlapRule
from harness.stages.data.overlap.words import places_of, words_of
from harness.statistics.arrays import IntArray

State = Literal["contaminated", "clean", "too short"]
_FACTOR = np.uint64(0x9E3779B97F4A7C15)
_BITS = 22
_SHIFT = np.uint64(64 - _BITS)
_BATCH = 500_000
"""Characters of documents that are looked through at once."""
_SHOWN = 160


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """A place where a document has words of a case.

    Attributes:
        field: of the case.
        document: its id.
        offset: the character of the document at which they begin.
        text: they themselves, as the document has them: the first gram that was found.
        words: how many of the field's words are found there, in grams.
        with_answer: whether it counts because the answer stands after it.
    """

    field: str
    document: str
    offset: int
    text: str
    words: int
    with_answer: bool = False

    def __str__(self) -> str:
        shown = " ".join(self.text.split())
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
        return f"{self.field} in document {self.document}, from character {self.offset}: “{shown}”"


@dataclass(frozen=True, slots=True)
class CaseOverlap:
    """The overlap of a corpus with one case.

    Attributes:
        file: that the case stands in.
        state: "too short" where it has no text of which anything can be told.
        places: that count.
        n_boilerplate: how many of its grams were found in so many documents that they do not count.
    """

    id: str
    file: str
    state: State
    places: tuple[FoundPlace, ...] = ()
    n_boilerplate: int = 0

    @property
    def is_contaminated(self) -> bool:
        """Whether the corpus contains it."""
        return self.state == "contaminated"

    def __str__(self) -> str:
        if self.places:
            more = f" (and {len(self.places) - 1} more)" if len(self.places) > 1 else ""
            return f"{self.places[0]}{more}"
        common = f"; {self.n_boilerplate} of its n-grams are boilerplate" if self.n_boilerplate else ""
        return f"{self.state}{common}"


@dataclass(frozen=True, slots=True)
class Contamination(Mapping[str, CaseOverlap]):
    """The overlap of a corpus with cases, by their ids.

    Attributes:
        rule: that it was looked for by.
        n_documents: that were looked in.
    """

    rule: OverlapRule
    n_documents: int
    cases: Mapping[str, CaseOverlap]

    def __getitem__(self, case_id: str) -> CaseOverlap:
        return self.cases[case_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.cases)

    def __len__(self) -> int:
        return len(self.cases)

    @property
    def contaminated(self) -> tuple[CaseOverlap, ...]:
        """The cases that the corpus holds."""
        return tuple(each for each in self.cases.values() if each.is_contaminated)


def find_contamination(
    documents: Iterable[tuple[str, str]], cases: Sequence[FiledCase], rule: OverlapRule = RULE
) -> Contamination:
    """Look for cases in documents: one pass over these, in memory that the cases' grams alone decide.

    Rewordings are out of reach, and so is an answer of a few words that stands without its question: what holds it may
    have it from anywhere.

    Args:
        documents: to look in: id, which no other has, and text.
        cases: to look for, each with an id of its own.
        rule: what counts.
    """
    search = _Search(CaseTexts(cases, rule), rule)
    n_documents = 0
    for batch in _batches(documents):
        n_documents += len(batch)
        search.look_in(batch)
    places, n_boilerplate = search.places(), search.n_boilerplate()
    found = {}
    for number, case in enumerate(cases):
        own = tuple(places.get(number, ()))
        state: State = "contaminated" if own else "clean" if number in search.texts.checked else "too short"
        found[case.id] = CaseOverlap(case.id, case.file, state, own, n_boilerplate[number])
    return Contamination(rule, n_documents, found)


class CaseSearches:
    """Searches for cases in texts that stay as they are, each made once.

    Args:
        root: folder that relative paths start from.
        texts: gives the texts, as `find_contamination` takes them.
    """

    def __init__(self, root: Path, texts: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._root = root
        self._texts = texts
        self._found: dict[str, Contamination] = {}

    def find(self, cases: CaseSource) -> Contamination:
        """The overlap of the texts with cases.

        Raises:
            CaseError: there are no such cases.
        """
        filed = None if isinstance(cases, str | Path) else filed_cases(cases, (self._root,))
        key = str(cases) if filed is None else repr(filed)
        if key not in self._found:
            self._found[key] = find_contamination(self._texts(), filed or filed_cases(cases, (self._root,)))
        return self._found[key]


def _batches(documents: Iterable[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    """Yield documents together that are looked through at once: a call of numpy costs as much as hundreds of words."""
    batch: list[tuple[str, str]] = []
    n_characters = 0
    for document in documents:
        batch.append(document)
        n_characters += len(document[1])
        if n_characters >= _BATCH:
            yield batch
            batch, n_characters = [], 0
    yield batch


class _Hit(NamedTuple):
    """A gram in a document: its place among the words and among the characters, and the text there.

    `whole` is the hash of all that the document has: copies of it are told by that.
    """

    document: str
    word: int
    offset: int
    text: str
    whole: int


class _Search:
    """Looks for the grams of cases, and keeps where they are: of each gram as many places as may count, and one more.

    Attributes:
        texts: of the cases.
    """

    def __init__(self, texts: CaseTexts, rule: OverlapRule) -> None:
        self.texts = texts
        self._rule = rule
        self._hits: dict[Gram, list[_Hit]] = defaultdict(list)
        self._answered: dict[tuple[int, str], _Hit] = {}
        self._sizes = frozenset(map(len, texts.occurrences))
        self._may_be = np.zeros(1 << _BITS, dtype=np.bool_)
        for size in self._sizes:
            grams = np.array([gram for gram in texts.occurrences if len(gram) == size], dtype=np.uint64)
            self._may_be[_hashes(grams) >> _SHIFT] = True

    def look_in(self, batch: Sequence[tuple[str, str]]) -> None:
        """Look for all grams in some documents."""
        numbers = [self.texts.vocabulary.numbers(text) for _, text in batch]
        ends = np.cumsum([len(each) + 1 for each in numbers])
        words = np.zeros(ends[-1] if len(ends) else 0, dtype=np.int64)  # a word that no case has between documents
        for own, end in zip(numbers, ends, strict=True):
            words[end - 1 - len(own) : end - 1] = own
        found: dict[int, list[tuple[int, Gram]]] = defaultdict(list)
        for start, size in sorted(self._candidates(words)):
            gram = tuple(words[start : start + size].tolist())
            if gram in self.texts.occurrences:
                number = int(np.searchsorted(ends, start, side="right"))
                found[number].append((start - int(ends[number]) + 1 + len(numbers[number]), gram))
        for number, places in found.items():
            self._keep(*batch[number], numbers[number], places)

    def _keep(self, document: str, text: str, words: IntArray, places: Sequence[tuple[int, Gram]]) -> None:
        """Keep the grams of one document: of each the first place; none of a copy of what was kept."""
        spans, whole = list(places_of(text)), hash(text)

        def hit(first: int, after: int) -> _Hit:
            begin, end = spans[first][0], spans[after - 1][1]
            return _Hit(document, first, begin, text[begin:end], whole)

        for start, gram in places:
            hits, after = self._hits[gram], start + len(gram)
            if len(hits) <= self._rule.most_documents and all(each.whole != whole for each in hits):
                hits.append(hit(start, after))
            for each in self.texts.occurrences[gram]:
                key, first = (each.case, each.field), start - len(each.before)
                is_new = each.needs_answer and key not in self._answered
                if is_new and self._is_asked(each, words, first, start) and self._is_answered(each, words, after):
                    self._answered[key] = hit(first, after)

    def _candidates(self, words: IntArray) -> Iterator[tuple[int, int]]:
        """Yield each place that may be a gram: its first word, and how many words it has."""
        hashes = np.zeros(len(words) + 1, dtype=np.uint64)
        numbers = words.astype(np.uint64)
        for size in range(1, min(len(words), max(self._sizes, default=0)) + 1):
            hashes = hashes[:-1] * _FACTOR + numbers[size - 1 :]
            if size in self._sizes:
                for start in np.flatnonzero(self._may_be[hashes >> _SHIFT]).tolist():
                    yield start, size

    def _is_asked(self, question: Occurrence, words: IntArray, first: int, start: int) -> bool:
        """Tell whether the words before a gram are those of the question that it ends."""
        return first >= 0 and tuple(words[first:start].tolist()) == question.before

    def _is_answered(self, question: Occurrence, words: IntArray, start: int) -> bool:
        """Tell whether the answer of a case begins among the words after its question."""
        for answer in self.texts.answers[question.case]:
            size = len(answer)
            after = words[start : start + self._rule.answer_within + size - 1].tolist()
            if any(tuple(after[i : i + size]) == answer for i in range(len(after) - size + 1)):
                return True
        return False

    def places(self) -> dict[int, list[FoundPlace]]:
        """The places that count, by the number of the case: what one document has of a field is one place."""
        together: dict[tuple[int, str, str], list[tuple[_Hit, int]]] = defaultdict(list)
        for gram, hits in self._hits.items():
            if len(hits) <= self._rule.most_documents:
                for each in self.texts.occurrences[gram]:
                    for hit in hits if not each.needs_answer else ():
                        together[each.case, each.field, hit.document].append((hit, len(gram)))
        found: dict[int, list[FoundPlace]] = defaultdict(list)
        for (case, name, document), parts in together.items():
            first = min(hit for hit, _ in parts)
            words = {hit.word + i for hit, size in parts for i in range(size)}
            found[case].append(FoundPlace(name, document, first.offset, first.text, len(words)))
        for (case, name), hit in self._answered.items():
            if all((each.field, each.document) != (name, hit.document) for each in found[case]):
                words_found = len(words_of(hit.text))
                found[case].append(FoundPlace(name, hit.document, hit.offset, hit.text, words_found, with_answer=True))
        return {case: sorted(own, key=lambda each: (each.document, each.offset)) for case, own in found.items()}

    def n_boilerplate(self) -> Counter[int]:
        """Count the boilerplate of each case: its grams that too many documents have."""
        return Counter(
            case
            for gram, hits in self._hits.items()
            if len(hits) > self._rule.most_documents
            for case in {each.case for each in self.texts.occurrences[gram] if not each.needs_answer}
        )


def _hashes(grams: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """The hash of each gram, whose words are a row."""
    hashes = np.zeros(len(grams), dtype=np.uint64)
    for column in grams.T:
        hashes = hashes * _FACTOR + column
    return hashes
