"""The differences between two versions of a corpus: recipes, documents, and columns that drifted."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.reporting.shared.figures import count, figure, interval, plural
from harness.reporting.shared.text import columns, printable
from harness.reporting.terminal.report import Layout, indented
from harness.stages.data.drift.differences import AloneDocument, DocumentDifferences, RecipeDifference, count_by_reason

if TYPE_CHECKING:
    from harness.stages.data.drift.drift import Drift, DriftTable, Move

_MOST_SHOWN = 5
_ABSENT = "never came into"


def difference_document(
    names: tuple[str, str], recipes: RecipeDifference, documents: DocumentDifferences, drift: DriftTable | None
) -> dict[str, Any]:
    """All of it as JSON has it; `drift` is null where a version has too few documents to tell."""
    return {
        "first": names[0],
        "second": names[1],
        "recipe": asdict(recipes),
        "documents": asdict(documents),
        "drift": None
        if drift is None
        else {
            "confidence_level": drift.confidence_level,
            "columns": [
                {**asdict(each), "parts": list(each.parts), "shown": each.column in drift.shown}
                for each in drift.columns
            ],
        },
    }


def difference_lines(
    names: tuple[str, str],
    recipes: RecipeDifference,
    documents: DocumentDifferences,
    drift: DriftTable | str,
    layout: Layout,
) -> list[str]:
    """All of it as lines without line ends.

    Args:
        names: of the first version and of the second.
        drift: or why it is not told.
    """
    first, second = (printable(name, 30, encoding=layout.encoding) for name in names)
    told = [line for text in _recipe(recipes, first, second) for line in indented(text, layout)]
    lines = [f"{first} and {second}", "", "recipe", *told]
    lines += ["", "documents", *_documents(documents, first, second, layout)]
    lines += ["", f"drift of {second} from {first}"]
    if isinstance(drift, str):
        return [*lines, *indented(drift, layout)]
    return [*lines, *_drift(drift, layout)]


def _recipe(recipes: RecipeDifference, first: str, second: str) -> Iterator[str]:
    if not recipes.is_same_source:
        yield "they begin with different documents"
    for name, steps in ((first, recipes.first_alone), (second, recipes.second_alone)):
        if steps:
            yield f"{name} alone has {', '.join(steps)}"
    for each in recipes.options:
        yield f"{each.step}: {each.option} = {_value(each.first)} in {first}, {_value(each.second)} in {second}"
    if recipes.packages:
        yield f"other packages, or other code, in {', '.join(recipes.packages)}"
    if recipes.is_reordered:
        yield "the steps that both have stand in another order"
    if recipes.token_units is not None:
        yield f"tokens are counted by {recipes.token_units[0]} in {first}, by {recipes.token_units[1]} in {second}"
    if recipes == RecipeDifference(True, (), (), (), (), False):
        yield "the same"


def _value(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _documents(documents: DocumentDifferences, first: str, second: str, layout: Layout) -> list[str]:
    changed = f"{count(len(documents.changed))} of them with another text" if documents.changed else "all alike"
    lines = indented(f"{plural(documents.n_shared, 'document')} in both, {changed}{_such(documents.changed)}", layout)
    for name, other, alone in ((first, second, documents.first_alone), (second, first, documents.second_alone)):
        if alone:
            lines += indented(f"{count(len(alone))} in {name} alone{_such(each.id for each in alone)}", layout)
            lines += _reasons(alone, other, layout)
    return lines


def _reasons(alone: Sequence[AloneDocument], other: str, layout: Layout) -> list[str]:
    rows = [
        (f"{_ABSENT} {other}" if step is None else f"{step}: {reason}" if reason else step, count(number))
        for (step, reason), number in count_by_reason(alone).items()
    ]
    shown = [(printable(name, max(20, layout.width - 16), encoding=layout.encoding), number) for name, number in rows]
    return [f"    {line}" for line in columns(shown)]


def _such(ids: Iterable[str]) -> str:
    """The first of them, for those who want to look at one."""
    names = [name for name, _ in zip(ids, range(_MOST_SHOWN), strict=False)]
    return f", such as {', '.join(names[:2])}" if names else ""


def _drift(drift: DriftTable, layout: Layout) -> list[str]:
    head = ("column", "effect", "interval", "p", "")
    rows = [(each.column, *_figures(each), "drift" if each.column in drift.shown else "") for each in drift.columns]
    lines = [f"  {line}" for line in columns([head, *rows])]
    if max(map(len, lines)) > layout.width:
        lines = [line for row in rows for line in indented(" ".join(row), layout)]
    moved = [f"{each.column}: {'; '.join(map(_move, each.moves))}" for each in drift.columns if each.moves]
    said = [*moved, *(f"{each.column}: {each.unit}, {each.meaning}" for each in drift.columns)]
    level = f"{100 * drift.confidence_level:g}"
    note = (
        f"Intervals hold with {level} % each; what is called drift is so with {level} % for all together (Holm). "
        "Documents that both versions have are no evidence of a drift, nor against it."
    )
    return [*lines, "", *(line for text in (*said, note) for line in indented(text, layout))]


def _move(move: Move) -> str:
    return f"{move.value} {100 * move.first:.1f} % -> {100 * move.second:.1f} %"


def _figures(drift: Drift) -> tuple[str, str, str]:
    places = 4 if max(abs(drift.low), abs(drift.high)) < 0.1 else 3
    signed = drift.low < 0
    p = "< 0.001" if drift.p_value < 0.001 else figure(drift.p_value, 3)
    return figure(drift.value, places, signed=signed), interval(drift.low, drift.high, places, signed=signed), p
