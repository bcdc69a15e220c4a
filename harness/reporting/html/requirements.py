"""Requirements, the evaluations that stand for them, and whether they are met."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

from harness.decisions import worst
from harness.records import Verdict

Kind = Literal["business", "non-functional"]

_PREFIX = re.compile(r"\s*(business|non[- ]?functional)\s*:\s*", re.IGNORECASE)


def requirements(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The requirements of a report as evaluations name them: business before non-functional, in the order in which they
    are first named; last what stands for none. Each has the worst verdict of its evaluations, and their places.
    """
    groups: dict[tuple[Kind, str | None], list[int]] = {}
    for place, verdict in enumerate(verdicts):
        groups.setdefault(kind_and_text(verdict.plan.requirement), []).append(place)
    ranked = sorted(groups.items(), key=lambda group: (group[0][1] is None, group[0][0] != "business"))
    return [
        {"kind": kind, "text": text, "verdict": worst(verdicts[each].verdict for each in places), "evaluations": places}
        for (kind, text), places in ranked
    ]


def kind_and_text(requirement: str | None) -> tuple[Kind, str | None]:
    """Tell the kind of requirement that a text names, and the text without the word that says so.

    >>> kind_and_text("non-functional: the first token comes within 0.3 s")
    ('non-functional', 'the first token comes within 0.3 s')
    >>> kind_and_text("Whoever asks for a capital gets its name")
    ('business', 'Whoever asks for a capital gets its name')
    """
    prefix = _PREFIX.match(requirement or "")
    text = (requirement or "")[prefix.end() if prefix else 0 :].strip()
    kind: Kind = "non-functional" if prefix and prefix[1].lower().startswith("non") else "business"
    return kind, text or None
