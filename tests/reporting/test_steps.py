from __future__ import annotations

import json
from dataclasses import replace

import jsonschema
import pytest

from harness.records import ReviewSummary, VerdictKind
from harness.records.report_json import from_json, schema, to_json
from harness.reporting.steps import step_in_words, with_steps
from tests.reporting import example_reports as examples


def waiting(n_waiting: int, wait_s: float, n_stuck: int = 0, closed: str | None = None) -> ReviewSummary:
    return ReviewSummary("1f0c", "uncertain", 9, 2, n_waiting, wait_s, n_stuck, closed)


def review_step(report, options=""):
    return [step_in_words(each) for each in with_steps(report, options).steps]


def reviewed(*reviews: ReviewSummary):
    verdicts = [
        replace(examples.verdict(VerdictKind.INCONCLUSIVE), id=f"t{i}", labels_needed=14, review=each)
        for i, each in enumerate(reviews)
    ]
    return examples.report(*verdicts)


@pytest.mark.parametrize(
    ("reviews", "step"),
    [
        ([waiting(14, 240.0)], "steelyard review serve   # 14 items wait, about 4 minutes"),
        (
            [waiting(14, 240.0), waiting(6, 60.0)],
            "steelyard review serve   # 20 items wait, about 5 minutes",
        ),
        (
            [waiting(14, 240.0, 2)],
            "steelyard review serve   # 14 items wait, about 4 minutes; adjudicate 2",
        ),
        ([waiting(0, 0.0, 1)], "steelyard review serve   # adjudicate 1 item"),
        (
            [waiting(0, 0.0, 0, "closed by hand")],
            "steelyard review close 1f0c --undo   # batch 1f0c is closed: closed by hand",
        ),
        (
            [waiting(0, 0.0, 0, "superseded by run r2")],
            "batch 1f0c is closed: superseded by run r2",
        ),
        ([waiting(1, 12.0)], "steelyard review serve   # 1 item waits, about a minute"),
    ],
)
def test_what_waits_is_told_with_its_time(reviews, step):
    assert review_step(reviewed(*reviews)) == [step]


def test_the_store_of_the_command_line_is_that_of_the_next_one():
    (step,) = review_step(reviewed(waiting(14, 240.0)), " --store x.db")
    assert step.startswith("steelyard review serve --store x.db ")


def test_the_address_of_the_settings_takes_the_place_of_the_command():
    review = replace(waiting(14, 240.0, 2), url="https://review.example.org")
    assert review_step(reviewed(review), " --store x.db") == [
        "https://review.example.org   # 14 items wait, about 4 minutes; adjudicate 2"
    ]


def test_nothing_waits_where_nobody_is_asked():
    assert review_step(reviewed(waiting(0, 0.0))) == review_step(examples.green()) == []


def test_a_report_with_a_review_follows_the_schema_and_reads_back_equal():
    report = reviewed(waiting(14, 240.0, 1, "closed by hand"))
    document = json.loads(json.dumps(to_json(report)))
    jsonschema.Draft202012Validator(schema()).validate(document)
    assert document["evaluations"][0]["labels_needed"] == 14
    assert from_json(document) == report


@pytest.mark.parametrize("option", ["--lf", "--last-failed"])
def test_the_red_ones_of_a_run_of_the_red_ones_are_asked_for_once(option):
    report = replace(examples.red(), command=(option, "suites"))
    commands = [step.command for step in with_steps(report).steps if step.command.startswith("pytest")]
    assert commands[-2:] == ["pytest --lf suites", "pytest --lf --case=peru suites"]
