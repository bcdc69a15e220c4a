"""Differences between two versions of a corpus: of their recipes, and of their documents."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.stages.data.outcomes import Explanation

if TYPE_CHECKING:
    from harness.stages.data.recipe import Recipe


@dataclass(frozen=True, slots=True)
class ChangedOption:
    """An option of a step that both recipes have, with the value of each."""

    step: str
    option: str
    first: Any
    second: Any


@dataclass(frozen=True, slots=True)
class RecipeDifference:
    """The differences between two recipes.

    Attributes:
        first_alone, second_alone: steps that one of them has, in its order.
        options: that are set otherwise.
        packages: steps whose packages have other versions, or whose code is another one.
        is_reordered: whether the steps that both have stand in another order.
        token_units: what the tokens of each are counted in, "words" or a version; None where that is the same.
    """

    is_same_source: bool
    first_alone: tuple[str, ...]
    second_alone: tuple[str, ...]
    options: tuple[ChangedOption, ...]
    packages: tuple[str, ...]
    is_reordered: bool
    token_units: tuple[str, str] | None = None


def compare_recipes(first: Recipe, second: Recipe) -> RecipeDifference:
    """Find the differences of the second recipe from the first."""
    ours, theirs = ({step.name: step for step in each.steps} for each in (first, second))
    both = [(step, theirs[name]) for name, step in ours.items() if name in theirs]
    options = tuple(
        ChangedOption(one.name, option, one.options.get(option), other.options.get(option))
        for one, other in both
        for option in dict.fromkeys([*one.options, *other.options])
        if one.options.get(option) != other.options.get(option)
    )
    set_otherwise = {each.step for each in options}
    counted, other_counted = first.tokenizer or ("words", ""), second.tokenizer or ("words", "")
    return RecipeDifference(
        is_same_source=first.content == second.content,
        first_alone=tuple(name for name in ours if name not in theirs),
        second_alone=tuple(name for name in theirs if name not in ours),
        options=options,
        packages=tuple(a.name for a, b in both if a.identity != b.identity and a.name not in set_otherwise),
        is_reordered=[name for name in ours if name in theirs] != [name for name in theirs if name in ours],
        token_units=None if counted[1] == other_counted[1] else (counted[0], other_counted[0]),
    )


@dataclass(frozen=True, slots=True)
class AloneDocument:
    """A document that one version has kept alone, and what removed it from the other; None where it did not come in."""

    id: str
    step: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class DocumentDifferences:
    """The documents in which two versions differ, each in the order of ids.

    Attributes:
        n_shared: documents that both have kept, with the same text or another one.
        changed: ids of those whose texts are not the same.
    """

    n_shared: int
    first_alone: tuple[AloneDocument, ...]
    second_alone: tuple[AloneDocument, ...]
    changed: tuple[str, ...]


def compare_documents(first: Iterable[Explanation], second: Iterable[Explanation]) -> DocumentDifferences:
    """The documents that one version has alone, with what removed them from the other, and those of other texts."""
    ours, theirs = ({each.id: _fate(each) for each in explained} for explained in (first, second))

    def alone(mine: Mapping[str, _Fate], others: Mapping[str, _Fate]) -> tuple[AloneDocument, ...]:
        fates = ((name, others.get(name, _NEVER)) for name, (text, *_) in sorted(mine.items()) if text is not None)
        return tuple(AloneDocument(name, step, reason) for name, (text, step, reason) in fates if text is None)

    shared = [(name, ours[name][0], fate[0]) for name, fate in theirs.items() if name in ours]
    both = [(name, text != other) for name, text, other in shared if text is not None and other is not None]
    changed = tuple(sorted(name for name, is_changed in both if is_changed))
    return DocumentDifferences(len(both), alone(ours, theirs), alone(theirs, ours), changed)


_Fate = tuple[bytes | None, str | None, str | None]
"""The digest of a document's text where it was kept, and the step and reason that removed it."""
_NEVER: _Fate = (None, None, None)


def _fate(explanation: Explanation) -> _Fate:
    text = (explanation.after or "").encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(text, digest_size=16).digest() if explanation.kept else None
    return digest, explanation.step, explanation.reason


def count_by_reason(documents: Iterable[AloneDocument]) -> Mapping[tuple[str | None, str | None], int]:
    """Count the removed documents by step and reason, the most first."""
    counts = Counter((each.step, each.reason) for each in documents)
    return dict(sorted(counts.items(), key=lambda each: (-each[1], str(each[0]))))
