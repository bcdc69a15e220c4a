"""A model that answers under another name is told, a dated release of it mildly; so is one that was not asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.records import StoredAnswers, VersionRef
from harness.records.report_json import from_json, to_json
from harness.reporting.wording.answered import is_release, name_notes, not_asked, printed_notes, version_notes
from tests.reporting import example_reports as examples


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("gpt-4", "gpt-4-0613"),
        ("claude-3-5-sonnet-latest", "claude-3-5-sonnet-20241022"),
        ("openai/gpt-4o", "gpt-4o-2024-08-06"),
        ("GPT-4o", "gpt-4o-2024-08-06"),
        ("mistral-large-latest", "mistral-large-2407"),
    ],
)
def test_a_name_with_a_date_is_a_release(asked: str, answered: str) -> None:
    assert is_release(asked, answered)


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("gpt-4o", "gpt-4o-mini"),
        ("gpt-4o", "gpt-4"),
        ("m", "m-instruct-2024-08-06"),
        ("big-70b", "tiny-3b"),
        ("m", "m-8b"),
    ],
)
def test_any_other_name_is_none(asked: str, answered: str) -> None:
    assert not is_release(asked, answered)


def test_each_version_is_told_once_and_read_back() -> None:
    served = VersionRef("served", "f" * 32, "m", ("other", "third"))
    report = replace(examples.report(), candidate=served, baseline=served, judges=(served,))
    (note,) = name_notes(report, "utf-8")
    assert note.startswith("served: asked for m, the endpoint says that other and third answered")
    assert from_json(to_json(report)).candidate == served


def test_releases_that_changed_are_told_so() -> None:
    served = VersionRef("served", "f" * 32, "m", ("m-2024-01-01", "m-2025-01-01"))
    (note,) = name_notes(replace(examples.report(), candidate=served), "utf-8")
    assert note.endswith("m is an alias that stood for m-2024-01-01 and m-2025-01-01; it changed while it was sampled")


def test_what_an_application_printed_is_told_with_the_way_to_it() -> None:
    noisy = VersionRef("bot", "f" * 32, printed_lines=1)
    assert printed_notes(replace(examples.report(), candidate=noisy), "utf-8") == [
        "bot printed 1 line: pytest --log-cli-level DEBUG shows what it prints"
    ]
    assert printed_notes(examples.report(), "utf-8") == []


def test_a_report_of_an_older_steelyard_has_no_names() -> None:
    document = to_json(examples.report())
    for name in ("model", "answered_as"):
        del document["candidate"][name]
    assert from_json(document).candidate.answered_as == ()


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
