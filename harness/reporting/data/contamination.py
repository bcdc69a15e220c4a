"""The cases of evaluations that a corpus holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.reporting.shared.figures import count, plural
from harness.reporting.shared.text import printable
from harness.reporting.terminal.report import Layout, indented

if TYPE_CHECKING:
    from harness.stages.data.overlap.contamination import Contamination

_MOST_PLACES = 3


def contamination_document(name: str, fingerprint: str, found: Contamination) -> dict[str, Any]:
    """All of it as JSON has it."""
    states = Counter(each.state for each in found.values())
    return {
        "name": name,
        "fingerprint": fingerprint,
        "documents": found.n_documents,
        "rule": asdict(found.rule),
        "n_cases": len(found),
        "contaminated": states["contaminated"],
        "clean": states["clean"],
        "too_short": states["too short"],
        "cases": [asdict(each) for each in found.values()],
    }


def contamination_lines(name: str, found: Contamination, layout: Layout) -> list[str]:
    """All of it as lines without line ends."""
    states = Counter(each.state for each in found.values())
    facts = f"{plural(len(found), 'case')} looked for in {plural(found.n_documents, 'document')}"
    told = (
        f"{count(states['contaminated'])} contaminated, {count(states['clean'])} clean, "
        f"{count(states['too short'])} too short to tell"
    )
    lines = [*indented(f"{printable(name, 60, encoding=layout.encoding)}: {facts}", layout, 0), f"  {told}"]
    for case in found.contaminated:
        lines += ["", *indented(case.id, layout)]
        for place in case.places[:_MOST_PLACES]:
            answered = ", with its answer" if place.with_answer else ""
            lines += indented(f"{plural(place.words, 'word')} of {place}{answered}", layout, 4)
        if len(case.places) > _MOST_PLACES:
            lines.append(f"    and {count(len(case.places) - _MOST_PLACES)} more places")
    if any(each.n_boilerplate for each in found.values()):
        number = sum(bool(each.n_boilerplate) for each in found.values())
        most = found.rule.most_documents
        note = f"{plural(number, 'case')} with words in a row that more than {most} documents have, which do not count"
        lines += ["", *indented(note, layout)]
    return lines
