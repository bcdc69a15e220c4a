"""Corpora for people to read, and as JSON: what steps removed, what became of documents, differences, contamination."""

from __future__ import annotations

import difflib
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from harness.reporting.shared.figures import count, duration, figure, interval, plural
from harness.reporting.shared.text import Block, cells, pad, printable
from harness.stages.data.drift.differences import AloneDocument, DocumentDifferences, RecipeDifference, count_by_reason

if TYPE_CHECKING:
    from harness.stages.data.drift.drift import Drift, DriftTable
    from harness.stages.data.outcomes import CorpusStatistics, Explanation, StepStatistics
    from harness.stages.data.overlap.contamination import Contamination

_MOST_REASONS = 4
_MOST_PLACES = 3
_ID_CELLS = 24
_EXCERPT = 400
_AROUND = 60
"""Characters of unchanged text that are shown on either side of a change."""
_MOST_WORDS = 4_000
"""Texts that differ over more words than this are not compared word by word, which would take too long."""


def summary(statistics: CorpusStatistics) -> str:
    """Say how many documents were kept, in a line: "4,102 of 5,000 documents kept (82 %)"."""
    kept, came = statistics.documents_out, statistics.documents_in
    return f"{count(kept)} of {plural(came, 'document')} kept ({_share(kept, came)})"


def statistics_view(statistics: CorpusStatistics) -> Iterator[Block]:
    """Show what each step left of the documents, and its most frequent reasons."""
    unit = "words" if statistics.token_unit == "words" else f"tokens of {statistics.token_unit}"
    tokens_out, tokens_in = statistics.tokens_out, statistics.tokens_in
    yield statistics.name
    yield f"  {summary(statistics)}"
    yield f"  {count(tokens_out)} of {count(tokens_in)} {unit} ({_share(tokens_out, tokens_in)})"
    yield f"  built in {duration(statistics.seconds)}, fingerprint {statistics.fingerprint[:12]}"
    yield ""
    if not statistics.steps:
        yield "  no step: the documents are as they come"
        return
    came = statistics.documents_in
    yield [("step", "in", "out", "removed", "seconds", "left"), *(_step_row(each, came) for each in statistics.steps)]
    for step in statistics.steps:
        ranked = sorted(step.reasons.items(), key=lambda each: (-each[1], each[0]))
        reasons = [f"{printable(reason, 40)} {count(number)}" for reason, number in ranked[:_MOST_REASONS]]
        reasons += [f"and {count(len(ranked) - _MOST_REASONS)} more"] if len(ranked) > _MOST_REASONS else []
        if reasons:
            yield printable(step.step, _ID_CELLS), ", ".join(reasons)


def _step_row(step: StepStatistics, came: int) -> tuple[str, ...]:
    removed, left = _share(step.removed, step.documents_in), _share(step.documents_out, came)
    numbers = count(step.documents_in), count(step.documents_out), removed, f"{step.seconds:,.1f}", left
    return printable(step.step, _ID_CELLS), *numbers


def _share(part: int, whole: int) -> str:
    """A share in per cent, with a digit more where it is small or nearly all.

    >>> _share(1, 3), _share(1, 1000), _share(0, 0), _share(5, 5), _share(999, 1000)
    ('33 %', '0.1 %', '-', '100 %', '99.9 %')
    """
    if not whole:
        return "-"
    percent = 100 * part / whole
    is_round = part in (0, whole) or 10 <= percent <= 90
    return f"{percent:.0f} %" if is_round else f"{percent:.1f} %"


def outcomes_view(explanations: Iterable[Explanation]) -> Iterator[Block]:
    """Say in a line for each document whether it was kept or removed, with the beginning of its text."""
    width = shutil.get_terminal_size().columns
    for each in explanations:
        start = f"{pad(printable(each.id, _ID_CELLS, cut='middle'), _ID_CELLS)}  {_fate(each)}  "
        room = width - cells(start)
        text = each.before if each.after is None else each.after
        yield (start + (printable(text, room) if room >= 10 else "")).rstrip()


def texts_view(explanations: Iterable[Explanation]) -> Iterator[Block]:
    """Say the same of each document with its text, or the changes in it where there are some."""
    for number, each in enumerate(explanations):
        before, after = each.before, each.after
        yield from [""] if number else []
        yield f"{printable(each.id, 60, cut='middle')}  {_fate(each)}"
        if after is not None and before != after:
            yield "  changed: [-taken out-] {+put in+}"
            shown = _changes(before, after)
        else:
            cut = len(before) > _EXCERPT
            size = plural(len(before), "character") + (f", the first {_EXCERPT}" if cut else "")
            yield f"  {'text' if each.kept else 'text that came in'}, {size}"
            shown = before[:_EXCERPT] + ("…" if cut else "")
        yield from (("  ", line) for line in shown.split("\n"))


def _fate(each: Explanation) -> str:
    """Say whether a document was kept, or which step removed it and why."""
    if each.kept:
        return "kept" if each.before == each.after else "kept, changed"
    why = f": {printable(each.reason, 60)}" if each.reason else ""
    if each.duplicate_of is not None:
        why += f", {printable(each.duplicate_of, 60, cut='middle')} stays in its place"
    return f"removed by {printable(each.step or 'a step', 40)}{why}"


def _changes(before: str, after: str) -> str:
    """Both texts as one, with signs around what is in one of them; what is far from a change is left out."""
    ours, theirs = (re.findall(r"\s+|\S+", text) for text in (before, after))
    if max(len(ours), len(theirs)) > _MOST_WORDS:
        return f"[-{before[:_EXCERPT]}…-]{{+{after[:_EXCERPT]}…+}}"
    parts = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        lost, added = "".join(ours[a:b]), "".join(theirs[c:d])
        if tag == "equal" and len(lost) > 2 * _AROUND:
            parts.append(f"{lost[:_AROUND] if a else ''} … {lost[-_AROUND:] if b < len(ours) else ''}")
        elif tag == "equal":
            parts.append(lost)
        else:
            parts.append((f"[-{lost}-]" if lost else "") + (f"{{+{added}+}}" if added else ""))
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class CorpusDifference:
    """The differences between two versions of a corpus; of their drift it may be told only why it can't be."""

    names: tuple[str, str]
    recipe: RecipeDifference
    documents: DocumentDifferences
    drift: DriftTable | str

    def as_json(self) -> dict[str, Any]:
        """All of it; `drift` is null where a version has too few documents to tell."""
        drift: dict[str, Any] | None = None
        if not isinstance(self.drift, str):
            shown = self.drift.shown
            columns = [{**asdict(each), "shown": each.column in shown} for each in self.drift.columns]
            drift = {"confidence_level": self.drift.confidence_level, "columns": columns}
        first, second = self.names
        parts = {"recipe": self.recipe, "documents": self.documents, "drift": drift}
        return {"first": first, "second": second, **parts}


def difference_view(difference: CorpusDifference) -> Iterator[Block]:
    """Tell what differs between recipes and documents, and the columns that drifted."""
    first, second = (printable(name, 30) for name in difference.names)
    yield from (f"{first} and {second}", "", "recipe")
    yield from (("", text) for text in _recipe(difference.recipe, first, second))
    yield from ("", "documents")
    documents = difference.documents
    changed = f"{count(len(documents.changed))} of them with another text" if documents.changed else "all alike"
    yield "", f"{plural(documents.n_shared, 'document')} in both, {changed}{_such(documents.changed)}"
    for name, other, alone in ((first, second, documents.first_alone), (second, first, documents.second_alone)):
        if alone:
            yield "", f"{count(len(alone))} in {name} alone{_such([each.id for each in alone])}"
            yield _reasons(alone, other)
    yield from ("", f"drift of {second} from {first}")
    if isinstance(difference.drift, str):
        yield "", difference.drift
    else:
        yield from _drift(difference.drift)


def _recipe(recipes: RecipeDifference, first: str, second: str) -> Iterator[str]:
    if not recipes.is_same_source:
        yield "they begin with different documents"
    for name, steps in ((first, recipes.first_alone), (second, recipes.second_alone)):
        if steps:
            yield f"{name} alone has {', '.join(steps)}"
    for each in recipes.options:
        values = [json.dumps(value, ensure_ascii=False, default=str) for value in (each.first, each.second)]
        yield f"{each.step}: {each.option} = {values[0]} in {first}, {values[1]} in {second}"
    if recipes.packages:
        yield f"other packages, or other code, in {', '.join(recipes.packages)}"
    if recipes.is_reordered:
        yield "the steps that both have stand in another order"
    if recipes.token_units is not None:
        yield f"tokens are counted by {recipes.token_units[0]} in {first}, by {recipes.token_units[1]} in {second}"
    if recipes == RecipeDifference(True, (), (), (), (), False):
        yield "the same"


def _reasons(alone: Sequence[AloneDocument], other: str) -> list[tuple[str, ...]]:
    named = (
        (f"never came into {other}" if step is None else f"{step}: {reason}" if reason else step, number)
        for (step, reason), number in count_by_reason(alone).items()
    )
    return [(f"    {name}", count(number)) for name, number in named]


def _such(ids: Sequence[str]) -> str:
    return f", such as {', '.join(ids[:2])}" if ids else ""


def _drift(drift: DriftTable) -> Iterator[Block]:
    rows = [
        (f"  {each.column}", *_figures(each), "drift" if each.column in drift.shown else "") for each in drift.columns
    ]
    yield [("  column", "effect", "interval", "p", ""), *rows]
    yield ""
    for each in drift.columns:
        if each.moves:
            moves = (f"{move.value} {100 * move.first:.1f} % -> {100 * move.second:.1f} %" for move in each.moves)
            yield "", f"{each.column}: {'; '.join(moves)}"
    yield from (("", f"{each.column}: {each.unit}, {each.meaning}") for each in drift.columns)
    level = f"{100 * drift.confidence_level:g} %"
    yield (
        "",
        f"Intervals hold with {level} each; what is called drift is so with {level} for all together (Holm). Documents "
        "that both versions have are no evidence of a drift, nor against it.",
    )


def _figures(drift: Drift) -> tuple[str, str, str]:
    places = 4 if max(abs(drift.low), abs(drift.high)) < 0.1 else 3
    signed = drift.low < 0
    p = "< 0.001" if drift.p_value < 0.001 else figure(drift.p_value, 3)
    return figure(drift.value, places, signed=signed), interval(drift.low, drift.high, places, signed=signed), p


@dataclass(frozen=True, slots=True)
class Contaminated:
    """The cases of evaluations that a corpus holds."""

    name: str
    fingerprint: str
    contamination: Contamination

    @property
    def counts(self) -> dict[str, int]:
        """The number of cases by what they are."""
        states = Counter(each.state for each in self.contamination.values())
        return {state.replace(" ", "_"): states[state] for state in ("contaminated", "clean", "too short")}

    def as_json(self) -> dict[str, Any]:
        """Every case, with its places in documents."""
        cases = self.contamination
        about = {"documents": cases.n_documents, "rule": cases.rule, "n_cases": len(cases), **self.counts}
        return {"name": self.name, "fingerprint": self.fingerprint, **about, "cases": list(cases.values())}


def contamination_view(contaminated: Contaminated) -> Iterator[Block]:
    """Tell which cases the corpus holds, and where."""
    cases = contaminated.contamination
    searched = f"{plural(len(cases), 'case')} looked for in {plural(cases.n_documents, 'document')}"
    yield f"{printable(contaminated.name, 60)}: {searched}"
    n_contaminated, n_clean, n_short = map(count, contaminated.counts.values())
    yield f"  {n_contaminated} contaminated, {n_clean} clean, {n_short} too short to tell"
    for case in cases.contaminated:
        yield from ("", f"  {case.id}")
        for place in case.places[:_MOST_PLACES]:
            yield "  ", f"{plural(place.words, 'word')} of {place}{', with its answer' if place.with_answer else ''}"
        if len(case.places) > _MOST_PLACES:
            yield f"    and {count(len(case.places) - _MOST_PLACES)} more places"
    if number := sum(bool(each.n_boilerplate) for each in cases.values()):
        most = f"more than {cases.rule.most_documents} documents have"
        yield from ("", ("", f"{plural(number, 'case')} with words in a row that {most}, which do not count"))
