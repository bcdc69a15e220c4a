"""The end of a gate of several candidates: a table with a column for each, and the same as a file for scripts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.records import Report, Verdict
from harness.records.report_json import FILE_NAME
from harness.reporting.shared.figures import digits, figure
from harness.reporting.shared.files import CANDIDATES, replacing
from harness.reporting.shared.names import row_names
from harness.reporting.shared.table import MARKS
from harness.reporting.shared.text import Block
from harness.reporting.terminal.report import headline


@dataclass(frozen=True, slots=True)
class GatedCandidate:
    """A candidate with what its gate came to: no exit code where it was not run, no report where it did not begin.

    Attributes:
        folder: of its reports, in that of all.
    """

    name: str
    folder: str
    exit_code: int | None = None
    report: Report | None = None

    @property
    def verdict(self) -> str:
        """Its verdict, in capitals."""
        if self.report is None:
            return "not run"
        return headline(self.report).partition(":")[0]

    @property
    def is_green(self) -> bool:
        """True if everything passed, ordinary tests too."""
        return self.exit_code == 0 and self.verdict == "GREEN"


def table(gated: Sequence[GatedCandidate], best_of: int, folder: str) -> Iterator[Block]:
    """The evaluations with a column for each candidate, and who is green.

    Args:
        best_of: among how many they share the error rate.
        folder: of all reports.
    """
    yield "", *(each.name for each in gated)
    entries: dict[tuple[str, str], Verdict] = {}
    columns = []
    for each in gated:
        own = () if each.report is None else each.report.evaluations
        columns.append({(entry.id, entry.metric): entry for entry in own})
        entries = {**columns[-1], **entries}
    for key, name in zip(entries, row_names(list(entries.values())), strict=True):
        row = [column.get(key) for column in columns]
        values = [entry.candidate.value if entry and entry.candidate else None for entry in row]
        places = digits(values, unit=entries[key].unit)
        cells = zip(row, values, strict=True)
        yield name, *(f"{MARKS[e.verdict]} {e.verdict} {figure(v, places)}".strip() if e else "-" for e, v in cells)
    yield "gate", *(each.verdict for each in gated)
    level = 100 * (1 - next(each.report.confidence_level for each in gated if each.report is not None))
    green = ", ".join(each.name for each in gated if each.is_green)
    yield "green", green or "none of them"
    yield (
        "wrong",
        f"any green at most {level:.3g} times in 100, and any red (each with --best-of {best_of})",
    )
    yield "reports", f"{folder}/{CANDIDATES}, and in {', '.join(f'{each.folder}/' for each in gated)}"


def write_table(gated: Sequence[GatedCandidate], best_of: int, exit_code: int, folder: Path) -> None:
    """Write what each candidate came to, for scripts. Raises SettingsError: it can't be written."""
    document: dict[str, Any] = {
        "schema_version": 1,
        "exit_code": exit_code,
        "best_of": best_of,
        "green": [each.name for each in gated if each.is_green],
        "candidates": [
            {
                "name": each.name,
                "fingerprint": each.report and each.report.candidate.fingerprint,
                "run_id": each.report and each.report.run_id,
                "verdict": each.report and each.report.verdict,
                "exit_code": each.exit_code,
                "report": each.report and f"{each.folder}/{FILE_NAME}",
            }
            for each in gated
        ],
    }
    with replacing(folder / CANDIDATES) as temporary:
        temporary.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
