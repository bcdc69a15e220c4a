"""Writes the page: one file with its styles, scripts and data, and the details of cases beside it."""

from __future__ import annotations

import base64
import hashlib
import heapq
import html
import itertools
import re
from pathlib import Path
from typing import Any

from harness.gate.history.answers import answers_of_run
from harness.records import CaseResult, Report, Verdict
from harness.reporting.html.details import FOLDER, embedded, write_details
from harness.reporting.html.document import document
from harness.reporting.shared.files import REPORT_DIR, prepare_folder, replacing
from harness.reporting.shared.text import printable
from harness.reporting.steps import stored_now
from harness.reporting.terminal.report import headline
from harness.review.labels import labels_of_run
from harness.store import RunInfo, Store

FILE_NAME = "index.html"
_STATIC = Path(__file__).with_name("static")
SCRIPTS = (
    "vendor/htm-preact.js", "vendor/diff.js", "model.js", "text.js", "plots.js", "findings.js", "evaluations.js",
    "cases.js", "sheet.js", "main.js",
)  # fmt: skip
_FIRST_CASES = 50
"""The worst cases of each evaluation whose details stand in the first files: the list begins with them."""
_PLACE = re.compile(r"\{\{(\w+)\}\}")
_MOST_OF_A_TITLE = 200
# The page runs its own script, and what that loads; nothing that stands in its data. Browsers that know no
# 'strict-dynamic' go by the rest.
_REST = (
    "img-src data:; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'; trusted-types steelyard"
)


def write_html(store: Store, run: RunInfo, report: Report, folder: Path, *, option: str = REPORT_DIR) -> Path:
    """Write index.html and details/*.js into a folder; a reader who opens the page sees the old one or the new one.

    Args:
        store: has the run's scores and answers.
        run: the stored run.
        report: of that run.
        folder: made where it is missing.
        option: by which another is chosen, for messages.

    Raises:
        SettingsError: the folder is a file, or can't be written.
        StoreError: the store can't be read.
    """
    prepare_folder(folder, option)
    batches = [entry.review.batch for entry in report.evaluations if entry.review is not None]
    labels = labels_of_run(store, run.run_id, batches)
    path, details = folder / FILE_NAME, prepare_folder(folder / FOLDER, option)
    with replacing(path, option) as temporary:
        shown: dict[str, dict[str, None]] = {}
        named = [(each.evaluation_id, each.case_id) for each in report.changes]
        named += [(each.evaluation_id, each.case_id) for each in labels]
        named += [(each.id, case.id) for each in report.evaluations for case in _worst(each)]
        for evaluation_id, case_id in named:
            shown.setdefault(evaluation_id, {})[case_id] = None
        rest = (each for each in answers_of_run(store, run) if each.case_id not in shown.get(each.evaluation_id, ()))
        answers = itertools.chain(answers_of_run(store, run, shown), rest)
        written = write_details(answers, labels, report, details)
        content = page(document(run, stored_now(store, report), written), headline(report))
        temporary.write_text(content, encoding="utf-8", newline="\n")
    return path


def _worst(entry: Verdict) -> list[CaseResult]:
    """The worst cases of an evaluation; with a baseline those that moved most for the worse."""
    sign = 1.0 if entry.higher_is_better else -1.0

    def gain(case: CaseResult) -> float:
        moved = (case.candidate or 0.0) - (case.baseline or 0.0)
        return -abs(moved) if entry.plan.aim == "same" else sign * moved

    return heapq.nsmallest(_FIRST_CASES, (each for each in entry.cases if each.candidate is not None), key=gain)


def page(content: dict[str, Any], title: str) -> str:
    """The whole page as text.

    Args:
        content: what it shows.
        title: the run in one line.
    """
    script, style = "\n".join(map(_static, SCRIPTS)), _static("style.css")
    scripts = f"script-src '{_digest(script)}' 'strict-dynamic' 'self' file:"
    parts = {
        "policy": f"default-src 'none'; {scripts}; style-src '{_digest(style)}'; {_REST}",
        "title": html.escape(printable(title, _MOST_OF_A_TITLE)),
        "style": style,
        "data": embedded(content),
        "script": script,
    }
    # In one pass: what stands in the data is no place of the page.
    return _PLACE.sub(lambda place: parts[place[1]], _static("page.html"))


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _static(name: str) -> str:
    return (_STATIC / name).read_text(encoding="utf-8")
