"""A model that answers under another name is told; so is one that was not asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records import StoredAnswers, VersionRef
from harness.records.report_json import from_json, to_json
from harness.reporting.wording.answered import name_notes, not_asked, printed_notes, version_notes
from tests.reporting import example_reports as examples


def test_each_version_is_told_once_and_read_back() -> None:
    served = VersionRef("served", "f" * 32, "m", ("other", "third"))
    report = replace(examples.report(), candidate=served, baseline=served, judges=(served,))
    (note,) = name_notes(report, "utf-8")
    assert note.startswith("served: asked for m, the endpoint says that other and third answered")
    assert from_json(to_json(report)).candidate == served


def test_what_an_application_printed_is_told_with_the_way_to_it() -> None:
    noisy = VersionRef("bot", "f" * 32, printed_lines=1)
    assert printed_notes(replace(examples.report(), candidate=noisy), "utf-8") == [
        "bot printed 1 line: pytest --log-cli-level DEBUG shows what it prints"
    ]
    assert printed_notes(examples.report(), "utf-8") == []


@pytest.mark.parametrize(("newest", "days"), [("2026-11-20", "2026-11-20"), ("2026-11-26", "2026-11-20 to 2026-11-26")])
def test_an_endpoint_that_was_not_asked_is_told_with_the_days_of_its_answers(newest: str, days: str) -> None:
    report = replace(examples.report(), from_store=StoredAnswers("endpoint", "2026-11-20", newest))
    assert not_asked(report) == f" (endpoint not asked: answers of {days})"
    assert not_asked(from_json(to_json(report))) == not_asked(report)
    assert not_asked(examples.report()) == ""


def test_notes_on_versions_are_harmless_on_a_terminal() -> None:
    report = replace(examples.report(), notes=("git:main is v as it was at 0f (a\x1b[31m commit)",))
    (note,) = version_notes(report, "utf-8")
    assert "\x1b" not in note
