"""The reports under reports/example, made again from what they hold.

`python -m tests.reporting.committed` writes them.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from harness.records import Report
from harness.records.report_json import from_json, print_report
from harness.reporting.html.details import Details
from harness.reporting.html.document import document
from harness.reporting.html.page import page
from harness.reporting.junit import write_junit
from harness.reporting.markdown.report import markdown
from harness.reporting.terminal.report import Layout, headline, render_stored
from harness.store import RunInfo
from tests.reporting.html import pages

FOLDER = Path(__file__).parents[2] / "reports" / "example"
EXAMPLES = ("red", "green", "inconclusive")


def made_again(folder: Path) -> dict[str, str]:
    """Text by file name: each format of report.json; where the details are, and what ran it, the page alone knows."""
    report = from_json(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    return {
        "report.json": _json(report),
        "report.txt": "".join(f"{line}\n" for line in render_stored(report, Layout())),
        "report.md": markdown(report),
        "junit.xml": _junit(report),
        "index.html": page(_content(pages.data(folder / "index.html"), report), headline(report)),
    }


def _content(known: dict[str, Any], report: Report) -> dict[str, Any]:
    made = document(RunInfo(report.run_id, report.created, {}, finished=True), report, _details(known))
    return {**made, "page": {**made["page"], "environment": known["page"]["environment"]}}


def _details(known: dict[str, Any]) -> Details:
    told = Details(**{name: known["page"][name] for name in ("n_files", "n_bodies", "is_cut")})
    for entry in known["evaluations"]:
        for case in (*entry["cases"], *entry["others"]):
            key = entry["id"], case["id"]
            told.places |= {key: case["file"]} if "file" in case else {}
            told.ended |= {key: case["ended"]} if "ended" in case else {}
            told.labelled |= {key} if "labelled" in case else set()
    return told


def _json(report: Report) -> str:
    stream = io.StringIO()
    print_report(report, stream)
    return stream.getvalue()


def _junit(report: Report) -> str:
    stream = io.StringIO()
    write_junit(report, stream, "fail")
    return stream.getvalue()


def main() -> None:
    """Write them."""
    for name in EXAMPLES:
        for file, text in made_again(FOLDER / name).items():
            (FOLDER / name / file).write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
