"""The slices of an evaluation: the words of its marker, and the cases that share a value of a field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.decisions.observations import CaseSlice
from harness.errors import CaseError, MarkerError, nearest
from harness.gate.evaluations.contents import MOST_CHARACTERS
from harness.records import Case, Verdict

_CROSS = "*"
_NAMED = 5
_EXAMPLE = 'slices="topic", slices=("topic", "language") or slices="topic*language"'


def read_slices(keywords: Mapping[str, Any], *, where: str) -> tuple[str, ...]:
    """The fields of the cases that a marker asks to slice by; "topic*language" where the values of two are crossed.

    Args:
        where: the test function, for messages.

    Raises:
        MarkerError: a value that can't be, or a word that slices don't go with.
    """
    margin = keywords.get("slice_margin")
    if keywords.get("slices") is None:
        if margin is not None:
            raise MarkerError(f"{where}: slice_margin= is for slices, and there are none: write {_EXAMPLE} beside it.")
        return ()
    for name, value, why in _CLASHES:
        if keywords.get(name) is not None and value in (None, keywords[name]):
            raise MarkerError(f"{where}: slices= does not go with {name}={keywords[name]!r}: {why}.")
    if margin is not None and isinstance(margin, str) != isinstance(keywords.get("margin"), str):
        raise MarkerError(f"{where}: margin and slice_margin are both in per cent, or both are not.")
    return _fields(keywords["slices"], where)


_CLASHES = (
    ("per", "case", "a single case has no slices"),
    ("review", None, "people label a part of the cases"),
)


def check_slices(fields: Sequence[str], cases: Sequence[Case], *, where: str, is_part: bool = False) -> None:
    """Refuse slices that the cases don't have, before anything is asked.

    Args:
        is_part: whether cases were left out by hand, which may leave a single value.

    Raises:
        CaseError: a case without such a field, or a value that can't name a slice.
        MarkerError: as many slices as cases, or a single one.
    """
    for crossed in fields:
        for field in crossed.split(_CROSS):
            _check_field(field, cases, where, is_crossed=field != crossed)
        values = {_value(case, crossed) for case in cases}
        if is_part or len(cases) < 2:
            continue
        if len(values) == 1:
            raise MarkerError(
                f"{where}: slices={crossed!r}, but all {len(cases):,} cases have the value {values.pop()!r}: that "
                "slice is the evaluation itself. Leave it out, or name a field by which cases differ."
            )
        if len(values) == len(cases):
            raise MarkerError(
                f"{where}: slices={crossed!r}, but each of the {len(cases):,} cases has a value of its own: a slice of "
                "one case can show next to nothing. Name a field that several cases share; single cases that are "
                "worse are listed anyway (max_lost= makes them count)."
            )


def case_slices(
    fields: Sequence[str], cases: Sequence[Case], order: Iterable[int] = (), horizon: int = 0
) -> tuple[CaseSlice, ...]:
    """The slices of these cases, by field and value, in the order in which the values come.

    Args:
        order: the numbers of the cases in the order in which they are drawn.
        horizon: how many of these there were to be at the first look.
    """
    first = [cases[number].id for _, number in zip(range(horizon), order, strict=False)]
    found = []
    for crossed in fields:
        members: dict[str, list[str]] = {}
        for case in cases:
            members.setdefault(_value(case, crossed), []).append(case.id)
        for value, ids in members.items():
            own = frozenset(ids)
            found.append(CaseSlice(crossed, value, own, len(own), sum(each in own for each in first)))
    return tuple(found)


def slices_again(entry: Verdict, case_ids: Sequence[str]) -> tuple[CaseSlice, ...]:
    """The slices that a stored verdict has, over some of its cases."""
    if not entry.slices:
        return ()
    wanted, fields = set(case_ids), tuple(dict.fromkeys(each.field for each in entry.slices))
    cases = [Case({**(each.fields or {}), "id": each.id}) for each in entry.cases if each.id in wanted]
    found = {(each.field, each.value): each for each in case_slices(fields, cases)}
    sizes = {(each.field, each.value): each.n_planned for each in entry.slices}
    if len(cases) < len(entry.cases):  # what a pattern leaves is a suite of its own
        return tuple(found.values())
    return tuple(
        CaseSlice(*key, found[key].case_ids if key in found else frozenset(), size, size) for key, size in sizes.items()
    )


def slices_in_words(fields: Sequence[str], cases: Sequence[Case]) -> str:
    """The slices that share an error rate: their fields, and the number of values of each; "" for none.

    >>> cases = [Case({"id": "a", "topic": "x"}), Case({"id": "b", "topic": "y"})]
    >>> slices_in_words(["topic"], cases)
    'topic (2)'
    """
    return ", ".join(f"{crossed} ({len({_value(case, crossed) for case in cases}):,})" for crossed in fields)


def _fields(given: Any, where: str) -> tuple[str, ...]:
    texts = (given,) if isinstance(given, str) else given
    if not isinstance(texts, tuple | list) or not texts or not all(isinstance(each, str) for each in texts):
        raise MarkerError(f"{where}: slices = {given!r} names no fields of the cases; write {_EXAMPLE}.")
    found = tuple(_CROSS.join(part.strip() for part in each.split(_CROSS)) for each in texts)
    for each in found:
        parts = each.split(_CROSS)
        if not all(parts) or len(set(parts)) < len(parts):
            raise MarkerError(f"{where}: slices = {each!r} names no fields of the cases; write {_EXAMPLE}.")
    if len(set(found)) < len(found):
        raise MarkerError(f"{where}: slices = {given!r} names a field twice.")
    return found


def _check_field(field: str, cases: Sequence[Case], where: str, *, is_crossed: bool) -> None:
    lacking = [case.id for case in cases if _is_missing(case.get(field))]
    if lacking:
        first = ", ".join(map(repr, lacking[:_NAMED])) + (", …" if len(lacking) > _NAMED else "")
        known = list(dict.fromkeys(name for case in cases for name in case))
        meant = "" if field in known else nearest(field, known)
        raise CaseError(
            f"{where}: slices={field!r}, but {len(lacking):,} of {len(cases):,} cases {_lack(lacking)} no value of it: "
            f"{first}. Give each case one, such as {field!r}: 'other'. Fields of {lacking[0]!r}: "
            f"{', '.join(next(case for case in cases if case.id == lacking[0]))}.{meant}"
        )
    named: dict[str, Any] = {}
    for case in cases:
        value = _plain(case[field])
        if not isinstance(value, str | int | float) or len(str(value)) > MOST_CHARACTERS:
            raise CaseError(
                f"{where}: slices={field!r}, but in case {case.id!r} it is {_shortened(value)}: a slice is named by a "
                f"number, a truth value or a text of at most {MOST_CHARACTERS} characters. Write that into a field of "
                "its own."
            )
        if is_crossed and _CROSS in str(value):
            raise CaseError(
                f"{where}: slices={field!r} is crossed with another field, but in case {case.id!r} it is {value!r}: "
                f"values are joined by {_CROSS!r}, so that two slices could get one name. Write it without the sign."
            )
        other = named.setdefault(str(value), value)
        if other != value:
            raise CaseError(
                f"{where}: slices={field!r}, but some cases have {other!r} and {case.id!r} has {value!r}, and both "
                "would be one slice of that name. Write them alike, or by names that differ."
            )


def _lack(lacking: Sequence[str]) -> str:
    return "has" if len(lacking) == 1 else "have"


def _is_missing(value: Any) -> bool:
    """Tell whether a value is none: tables read from files have NaN or "" where a cell is empty."""
    value = _plain(value)
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))


def _shortened(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"


def _plain(value: Any) -> Any:
    return value.item() if getattr(value, "shape", None) == () else value


def _value(case: Case, crossed: str) -> str:
    """The value of a case, or its values joined where fields are crossed."""
    return _CROSS.join(str(_plain(case[field])) for field in crossed.split(_CROSS))
