"""The slices of an evaluation: the words of its marker, and the cases that share a value of a field."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from harness.decisions.observations import CaseSlice
from harness.errors import CaseError, MarkerError, nearest, shortened, some
from harness.gate.evaluations.cases import MOST_CHARACTERS, scalar
from harness.records import Case, Verdict

_CROSS = "*"
_EXAMPLE = 'slices="topic", slices=("topic", "language") or slices="topic*language"'


def read_slices(keywords: Mapping[str, Any], *, where: str) -> tuple[str, ...]:
    """The fields of the cases that a marker asks to slice by; "topic*language" where the values of two are crossed.

    Raises:
        MarkerError: a value that can't be, or a word that slices don't go with.
    """
    given, margin = keywords.get("slices"), keywords.get("slice_margin")
    if given is None:
        if margin is not None:
            raise MarkerError(f"{where}: slice_margin= is for slices, and there are none: write {_EXAMPLE} beside it.")
        return ()
    if keywords.get("per") == "case":
        raise MarkerError(f"{where}: slices= does not go with per='case': a single case has no slices.")
    if (review := keywords.get("review")) is not None:
        raise MarkerError(f"{where}: slices= does not go with review={review!r}: people label a part of the cases.")
    if margin is not None and isinstance(margin, str) != isinstance(keywords.get("margin"), str):
        raise MarkerError(f"{where}: margin and slice_margin are both in per cent, or both are not.")
    texts = (given,) if isinstance(given, str) else given if isinstance(given, tuple | list) else ()
    parts = [[part.strip() for part in str(each).split(_CROSS)] for each in texts]
    if not parts or any(not all(each) or len(set(each)) < len(each) for each in parts):
        raise MarkerError(f"{where}: slices = {given!r} names no fields of the cases; write {_EXAMPLE}.")
    names = tuple(map(_CROSS.join, parts))
    if len(set(names)) < len(names):
        raise MarkerError(f"{where}: slices = {given!r} names a field twice.")
    return names


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
            _check_field(field, cases, f"{where}: slices={field!r}", is_crossed=field != crossed)
        values, why = {_value(case, crossed) for case in cases}, ""
        if len(values) == 1:
            why = f"all {len(cases):,} cases have the value {min(values)!r}: that slice is the evaluation itself"
        elif len(values) == len(cases):
            why = f"each of the {len(cases):,} cases has a value of its own: a slice of one case can show nothing"
        if why and not is_part and len(cases) > 1:
            raise MarkerError(f"{where}: slices={crossed!r}, but {why}. Name a field that some cases share.")


def _check_field(field: str, cases: Sequence[Case], where: str, *, is_crossed: bool) -> None:
    lacking = [case for case in cases if _is_missing(case.get(field))]
    if lacking:
        first, known = lacking[0], list(dict.fromkeys(name for case in cases for name in case))
        raise CaseError(
            f"{where}, but {len(lacking):,} of {len(cases):,} cases {'has' if len(lacking) == 1 else 'have'} no value "
            f"of it: {some([repr(case.id) for case in lacking])}. Give each case one, such as {field!r}: 'other'. "
            f"Fields of {first.id!r}: {', '.join(first)}.{'' if field in known else nearest(field, known)}"
        )
    named: dict[str, Any] = {}
    for case in cases:
        value = scalar(case[field])
        if not isinstance(value, str | int | float) or len(str(value)) > MOST_CHARACTERS:
            raise CaseError(
                f"{where}, but in case {case.id!r} it is {shortened(value, MOST_CHARACTERS)}: a slice is named by a "
                f"number, a truth value or a text of at most {MOST_CHARACTERS} characters. Write that into a field of "
                "its own."
            )
        if is_crossed and _CROSS in str(value):
            raise CaseError(
                f"{where} is crossed with another field, but in case {case.id!r} it is {value!r}: values are joined by "
                f"{_CROSS!r}, so that two slices could get one name. Write it without the sign."
            )
        if (other := named.setdefault(str(value), value)) != value:
            raise CaseError(
                f"{where}, but some cases have {other!r} and {case.id!r} has {value!r}, and both would be one slice of "
                "that name. Write them alike, or by names that differ."
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
    values = []
    for crossed in fields:
        members: dict[str, list[str]] = {}
        for case in cases:
            members.setdefault(_value(case, crossed), []).append(case.id)
        for value, ids in members.items():
            own = frozenset(ids)
            values.append(CaseSlice(crossed, value, own, len(own), sum(each in own for each in first)))
    return tuple(values)


def slices_again(entry: Verdict, case_ids: Sequence[str]) -> tuple[CaseSlice, ...]:
    """The slices that a stored verdict has, over some of its cases."""
    if not entry.slices:
        return ()
    wanted, fields = set(case_ids), tuple(dict.fromkeys(each.field for each in entry.slices))
    cases = [Case({**(each.fields or {}), "id": each.id}) for each in entry.cases if each.id in wanted]
    slices = case_slices(fields, cases)
    if len(cases) < len(entry.cases):  # what a pattern leaves is a suite of its own
        return slices
    members = {(each.field, each.value): each.case_ids for each in slices}
    sizes = {(each.field, each.value): each.n_planned for each in entry.slices}
    return tuple(CaseSlice(*key, members.get(key, frozenset()), size, size) for key, size in sizes.items())


def slices_in_words(fields: Sequence[str], cases: Sequence[Case]) -> str:
    """The slices that share an error rate: their fields, and the number of values of each, as `topic (2)`."""
    return ", ".join(f"{crossed} ({len({_value(case, crossed) for case in cases}):,})" for crossed in fields)


def _is_missing(value: Any) -> bool:
    """Tell whether a value is none: tables read from files have NaN or "" where a cell is empty."""
    value = scalar(value)
    return value is None or value == "" or (isinstance(value, float) and not math.isfinite(value))


def _value(case: Case, crossed: str) -> str:
    """The value of a case, or its values joined where fields are crossed."""
    return _CROSS.join(str(scalar(case[field])) for field in crossed.split(_CROSS))
