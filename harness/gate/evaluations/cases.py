"""The cases of an evaluation: those that are asked for, and the digests by which a later run knows them again."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from harness.errors import CaseError, choices
from harness.records import Case, CaseResult, Request, Verdict

if TYPE_CHECKING:
    from harness.stages.inference.blocks.plan import BlockPlan

MOST_CHARACTERS = 100
"""A field with a longer text is told as a digest alone, with all others."""
_NO_FORM = TypeError, ValueError, RecursionError


def select_cases(cases: Sequence[Case], pattern: str) -> tuple[Case, ...]:
    """The cases whose id matches a shell pattern (`per*`)."""
    return tuple(case for case in cases if fnmatch.fnmatchcase(case.id, pattern))


def no_case_matches(pattern: str, ids: Iterable[str]) -> CaseError:
    """The error for a pattern that no case of any evaluation matches."""
    known = sorted(set(ids))
    if len(known) > 50:
        return CaseError(f"--case {pattern!r} matches none of {len(known)} cases, such as {', '.join(known[:5])}.")
    return CaseError(choices("case", pattern, known))


def pairs_of(plan: BlockPlan) -> tuple[Case, ...]:
    """The cases of an evaluation that is measured in blocks: its pairs, which are others where the plan is another."""
    digest = hashlib.blake2b(plan.text.encode(), digest_size=8).hexdigest()
    return tuple(Case({"id": f"pair-{number}", "load": digest}) for number in range(plan.blocks))


def scalar(value: Any) -> Any:
    """A value without numpy around it, where it is a single one."""
    return value.item() if getattr(value, "shape", None) == () else value


def plain(value: Any) -> Any:
    """Turn what data sets hold beside JSON into JSON: arrays and numbers of numpy, dates, bytes."""
    for method in ("tolist", "isoformat", "hex"):
        if callable(getattr(value, method, None)):
            return getattr(value, method)()
    raise TypeError(f"{type(value).__name__} has no JSON form")


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=plain)


def _digest(content: Any) -> str | None:
    try:
        return hashlib.blake2b(_ENCODER.encode(content).encode("ascii"), digest_size=8).hexdigest()
    except _NO_FORM:
        return None


def content_digest(case: Case) -> str | None:
    """A digest of all fields of a case; None where one of them has no JSON form that stays the same.

    >>> content_digest(Case({"id": "peru", "prompt": "Capital of Peru?"}))
    '6f6d24be565f7721'
    """
    if case._digest is None:
        case._digest = _digest(case.fields) or ""
    return case._digest or None


def built_digest(case: Case) -> str:
    """A digest of all fields of a case; of what has no JSON form that stays the same, the type alone."""
    return content_digest(case) or str(_digest({str(name): _form(value) for name, value in case.fields.items()}))


def _form(value: Any) -> str:
    try:
        return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain_or_type)
    except _NO_FORM:
        return _type(value)


def _plain_or_type(value: Any) -> Any:
    try:
        return plain(value)
    except TypeError:
        return _type(value)


def _type(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def question_digest(request: Request | None) -> str | None:
    """A digest of what a request asks, without the system text, which is the version's own; None for no request."""
    if request is None:
        return None
    messages = [[each.get("role"), each.get("content")] for each in request.messages if each.get("role") != "system"]
    return _digest({"messages": messages, "prompt": request.prompt, "continuation": request.continuation})


def with_contents(verdict: Verdict, cases: Sequence[Case], asked: Mapping[int, str | None]) -> Verdict:
    """The verdict with the digests of its cases, and with their short fields.

    Args:
        asked: digests of what was asked, by the number of the case.
    """
    known = {case.id: (case, asked.get(number)) for number, case in enumerate(cases)}
    described = []
    for each in verdict.cases:
        (case, question), own = known[each.id], (each.id, each.n, each.candidate, each.baseline, each.state)
        rows = content_digest(case), question, short_fields(case)
        described.append(CaseResult(*own, each.cluster, *rows, each.unanswered))  # `replace` takes ten times as long
    return replace(verdict, cases=tuple(described))


def short_fields(case: Case) -> Mapping[str, Any] | None:
    """The fields of a case by which one groups cases: numbers, truth values and short texts; None where it has none.

    >>> short_fields(Case({"id": "peru", "topic": "capitals", "hard": True, "passages": ["…"]}))
    {'topic': 'capitals', 'hard': True}
    """
    fields = {}
    for name in case:
        value = scalar(case[name])
        is_short = isinstance(value, int | float) or (isinstance(value, str) and len(value) <= MOST_CHARACTERS)
        if is_short and name != "id":
            fields[name] = value
    return fields or None
