"""Notes on a recorded baseline that a reader needs where the rows that say it are not shown."""

from __future__ import annotations

from collections.abc import Sequence

from harness.records import BaselineRecord, Verdict, VerdictKind
from harness.reporting.shared.figures import count, plural

_WORDS = {
    "n_changed": "changed",
    "n_new": "new",
    "n_undrawn": "not drawn when recorded",
    "n_skipped": "skipped when recorded",
    "n_gone": "gone",
}


def recorded_notes(verdicts: Sequence[Verdict]) -> list[str]:
    """Note how many cases of evaluations that passed had no recorded scores to be weighed against; [] where all had.

    Args:
        verdicts: one of each evaluation.
    """
    passed = [each for each in verdicts if each.verdict is VerdictKind.PASSED]
    records = [each.baseline_record for each in passed if each.baseline_record is not None]
    told = [f"{count(total)} {words}" for name, words in _WORDS.items() if (total := _sum(records, name))]
    notes = []
    if told:
        paired = plural(_sum(records, "n_paired"), "case")
        notes.append(f"what passed was weighed against the recorded scores of {paired}; of others {', '.join(told)}")
    otherwise = _sum(records, "asked_otherwise")
    if otherwise:
        notes.append(f"{plural(otherwise, 'case')} of what passed were asked otherwise when recorded")
    scored = sum(record.scored_otherwise for record in records)
    if scored:
        notes.append(f"{plural(scored, 'test')} of what passed had other code when recorded: scores may differ by that")
    return notes


def record_in_words(record: BaselineRecord) -> str:
    """Say which recording the baseline's scores come from, and how many cases have some."""
    others = [f"{count(number)} {words}" for name, words in _WORDS.items() if (number := getattr(record, name))]
    left_out = f"; of others {', '.join(others)}" if others else ""
    code = "; its test had other code then" if record.scored_otherwise else ""
    return (
        f"baseline {record.name}: scores of {plural(record.n_paired, 'case')}, recorded in run {record.run_id} of "
        f"{record.created}{left_out}{code}"
    )


def _sum(records: Sequence[BaselineRecord], name: str) -> int:
    return sum(getattr(each, name) for each in records)
