"""Cases of evaluations that a corpus contains, with the place: whoever trains on it has seen them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from harness.stages.case_files import CaseSource, FiledCase, filed_cases
from harness.stages.data.overlap.words import places_of, words_of

State = Literal["contaminated", "clean", "too short"]
QUESTIONS = ("prompt", "question", "query", "input")
ANSWERS = ("expected", "answer", "answers", "target", "targets")
_LEFT_OUT = ("id", "examples")
"""The name of a case, and the turns that all cases of a file are shown before their own."""
_HEAD = 3
"""Words by which a place is told that may be a gram."""
_SHOWN = 160

Gram = tuple[str, ...]
"""Words in a row."""


@dataclass(frozen=True, slots=True)
class OverlapRule:
    """The rule for what counts as overlap.

    The sizes are those of Brown et al. (2020), Language Models are Few-Shot Learners, appendix C: 13 `words` in a row,
    "N = 13", and the `fewest`, 8, for a shorter text, which must be there whole ("a minimum value of 8"); grams that
    more than 10 documents (`most_documents`, of different texts) have are left out, as "common cultural phrases, legal
    boilerplate, or similar content".

    Attributes:
        fewest_asked: words of a question that counts where its answer follows, however often that is there.
        answer_within: words after a question, among which the answer must begin.
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
class FoundPlace:
    """A place where a document has words of a case's field: the first gram that was found, as the document has it, and
    how many of the field's words are found there; `with_answer` where it counts because the answer stands after it."""

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
    """The overlap of a corpus with one case: the places that count, and how many of its grams are boilerplate. One that
    has no text of which anything can be told is too short."""

    id: str
    file: str
    state: State
    places: tuple[FoundPlace, ...] = ()
    n_boilerplate: int = 0

    @property
    def is_contaminated(self) -> bool:
        """True if the corpus contains it."""
        return self.state == "contaminated"

    def __str__(self) -> str:
        if self.places:
            more = f" (and {len(self.places) - 1} more)" if len(self.places) > 1 else ""
            return f"{self.places[0]}{more}"
        common = f"; {self.n_boilerplate} of its n-grams are boilerplate" if self.n_boilerplate else ""
        return f"{self.state}{common}"


@dataclass(frozen=True, slots=True)
class Contamination(Mapping[str, CaseOverlap]):
    """The overlap of so many documents with cases, by the ids of these."""

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
    have it from anywhere. Documents are pairs of id and text.
    """
    search, n_documents = _Search(cases, rule), 0
    for n_documents, (name, text) in enumerate(documents, 1):  # noqa: B007 - their number is told
        search.look_in(name, text)
    places, boilerplate = search.places()
    overlaps = {}
    for number, case in enumerate(cases):
        own = tuple(sorted(places[number], key=lambda each: (each.document, each.offset)))
        state: State = "contaminated" if own else "clean" if number in search.checked else "too short"
        overlaps[case.id] = CaseOverlap(case.id, case.file, state, own, boilerplate[number])
    return Contamination(rule, n_documents, overlaps)


class CaseSearches:
    """Searches for cases in texts that stay as they are, each made once; `texts` gives what is looked in."""

    def __init__(self, root: Path, texts: Callable[[], Iterable[tuple[str, str]]]) -> None:
        self._root = root
        self._texts = texts
        self._by_cases: dict[str, Contamination] = {}

    def find(self, cases: CaseSource) -> Contamination:
        """The overlap of the texts with cases."""
        filed = None if isinstance(cases, str | Path) else filed_cases(cases, (self._root,))
        key = str(cases) if filed is None else repr(filed)
        if key not in self._by_cases:
            self._by_cases[key] = find_contamination(self._texts(), filed or filed_cases(cases, (self._root,)))
        return self._by_cases[key]


class _Hit(NamedTuple):
    """A gram in a document: its place among the words and among the characters, the text there, the document's hash."""

    document: str
    word: int
    offset: int
    text: str
    whole: int


class _Occurrence(NamedTuple):
    """A case and its field in which a gram stands; of a question, which counts only with the case's answer after it,
    with the words `before` that a gram has no room for."""

    case: int
    field: str
    before: Gram | None = None


class _Search:
    """Looks for the grams of cases, and keeps where they are: of each gram one more than may count."""

    def __init__(self, cases: Sequence[FiledCase], rule: OverlapRule) -> None:
        self._rule = rule
        self._hits: dict[Gram, list[_Hit]] = defaultdict(list)
        self._answered: dict[tuple[int, str], _Hit] = {}
        self._answers = [
            [words for answer in answers_of(each.case.fields) if (words := tuple(words_of(answer)))] for each in cases
        ]
        by_gram: dict[Gram, dict[_Occurrence, None]] = defaultdict(dict)
        texts: dict[tuple[str, Gram], set[Gram]] = defaultdict(set)
        for number, case in enumerate(cases):
            for field, text in texts_of(case.case.fields):
                whole = tuple(words_of(text))
                for gram, before in self._grams(whole, asks=field in QUESTIONS and bool(self._answers[number])):
                    by_gram[gram][_Occurrence(number, field, before)] = None
                    texts[case.file, gram].add(whole)
        self._occurrences: dict[Gram, list[_Occurrence]] = {}
        self._sizes: dict[Gram, set[int]] = defaultdict(set)
        for gram, occurrences in by_gram.items():
            own = [
                each
                for each in occurrences  # what too many texts have is a template
                if each.before is not None or len(texts[cases[each.case].file, gram]) <= rule.most_texts
            ]
            if own:
                self._occurrences[gram] = own
        self._head = min((_HEAD, *map(len, self._occurrences)))
        for gram in self._occurrences:
            self._sizes[gram[: self._head]].add(len(gram))
        self.checked = {each.case for every in self._occurrences.values() for each in every}

    def _grams(self, whole: Gram, *, asks: bool) -> Iterator[tuple[Gram, Gram | None]]:
        """Yield the grams to search for: all of a text, a short text itself, a question's end for its answer."""
        rule = self._rule
        if len(whole) >= rule.fewest:
            size = min(rule.words, len(whole))
            yield from ((whole[start : start + size], None) for start in range(len(whole) - size + 1))
        if len(whole) >= rule.fewest_asked and asks:
            yield whole[-rule.words :], whole[: -rule.words]

    def look_in(self, document: str, text: str) -> None:
        """Keep the grams that a document has: of each the first place; none of a copy of what was kept."""
        words = words_of(text)
        heads = zip(*(words[place:] for place in range(self._head)), strict=False)
        places = [(start, size) for start, head in enumerate(heads) for size in self._sizes.get(head, ())]
        grams = [(start, tuple(words[start : start + size])) for start, size in places if start + size <= len(words)]
        known = [(start, gram, at) for start, gram in grams if (at := self._occurrences.get(gram))]
        spans, whole = list(places_of(text)) if known else [], hash(text)

        def hit(first: int, after: int) -> _Hit:
            begin, end = spans[first][0], spans[after - 1][1]
            return _Hit(document, first, begin, text[begin:end], whole)

        for start, gram, occurrences in known:
            hits, after = self._hits[gram], start + len(gram)
            if len(hits) <= self._rule.most_documents and all(each.whole != whole for each in hits):
                hits.append(hit(start, after))
            for case, field, before in occurrences:
                if before is None or (case, field) in self._answered:
                    continue
                first = start - len(before)
                is_asked = first >= 0 and tuple(words[first:start]) == before
                if is_asked and any(
                    tuple(words[place : place + len(answer)]) == answer
                    for answer in self._answers[case]
                    for place in range(after, after + self._rule.answer_within)
                ):
                    self._answered[case, field] = hit(first, after)

    def places(self) -> tuple[dict[int, list[FoundPlace]], Counter[int]]:
        """The places that count, by the number of the case: what one document has of a field is one place; and how
        many of each case's grams are boilerplate: too many documents have them."""
        together: dict[tuple[int, str, str], list[tuple[_Hit, int]]] = defaultdict(list)
        boilerplate: Counter[int] = Counter()
        for gram, hits in self._hits.items():
            own = [each for each in self._occurrences[gram] if each.before is None]
            if len(hits) > self._rule.most_documents:
                boilerplate.update({each.case for each in own})
                continue
            for each in own:
                for hit in hits:
                    together[each.case, each.field, hit.document].append((hit, len(gram)))
        by_case: dict[int, list[FoundPlace]] = defaultdict(list)
        for (case, name, document), parts in together.items():
            first = min(hit for hit, _ in parts)
            words = {hit.word + i for hit, size in parts for i in range(size)}
            by_case[case].append(FoundPlace(name, document, first.offset, first.text, len(words)))
        for (case, name), hit in self._answered.items():
            if (case, name, hit.document) not in together:
                n_words = len(words_of(hit.text))
                by_case[case].append(FoundPlace(name, hit.document, hit.offset, hit.text, n_words, with_answer=True))
        return by_case, boilerplate


def texts_of(fields: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each text of a case with the name of its place, without its id and the turns that it is shown.

    >>> list(texts_of({"id": "a", "messages": [{"role": "user", "content": "Hello"}], "expected": 4}))
    [('messages[0].role', 'user'), ('messages[0].content', 'Hello')]
    """
    todo = [(str(name), value) for name, value in fields.items() if name not in _LEFT_OUT]
    while todo:
        place, value = todo.pop(0)
        if isinstance(value, str):
            yield place, value
        elif isinstance(value, Mapping):
            todo[:0] = [(f"{place}.{name}", each) for name, each in value.items()]
        elif isinstance(value, list | tuple):
            todo[:0] = [(f"{place}[{number}]", each) for number, each in enumerate(value)]


def answers_of(fields: Mapping[str, Any]) -> list[str]:
    """The answers that a case expects; of a choice by its number, what it stands for.

    >>> answers_of({"expected": 4}), answers_of({"choices": ["ten", "eight"], "answer": 1})
    (['4'], ['eight'])
    """
    answers: list[str] = []
    for name in ANSWERS:
        value, choices = fields.get(name), fields.get("choices")
        if isinstance(choices, list | tuple) and type(value) is int and 0 <= value < len(choices):
            value = choices[value]
        values: Iterable[Any] = value if isinstance(value, list | tuple) else (value,)
        answers += [str(each) for each in values if isinstance(each, str | int | float) and not isinstance(each, bool)]
    return answers
