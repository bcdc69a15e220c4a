"""The reports under reports/example, made again from what they hold.

`python -m tests.reporting.committed` writes them.
"""

from __future__ import annotations

import io
import json
from pathlib import Path

from harness.records import Report
from harness.records.report_json import from_json, print_report
from harness.reporting.html.page import page
from harness.reporting.junit import write_junit
from harness.reporting.markdown.report import markdown
from harness.reporting.terminal.report import Layout, headline, render_stored
from tests.reporting.html import pages

FOLDER = Path(__file__).parents[2] / "reports" / "example"
EXAMPLES = ("red", "green", "inconclusive")


def made_again(folder: Path) -> dict[str, str]:
    """Text by file name: of each format that follows from report.json, and the page with the data that it has."""
    report = from_json(json.loads((folder / "report.json").read_text(encoding="utf-8")))
    return {
        "report.json": _json(report),
        "report.txt": "".join(f"{line}\n" for line in render_stored(report, Layout())),
        "report.md": markdown(report),
        "junit.xml": _junit(report),
        "index.html": page(pages.data(folder / "index.html"), headline(report)),
    }


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
