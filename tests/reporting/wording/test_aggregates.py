from dataclasses import replace

import jsonschema

from harness.records import Aggregate
from harness.records.report_json import from_json, schema, to_json
from harness.reporting.wording.aggregates import aggregate_notes
from tests.reporting import example_reports as examples

FIGURES = (Aggregate("word_perplexity", 91.73, 78.52), Aggregate("bits_per_byte", 1.3061, None))


def measured(name="prose"):
    return replace(examples.regressed(), id=f"suites/test_it.py::{name}", unit="nats/word", aggregates=FIGURES)


def test_figures_over_all_cases_are_told_of_what_is_measured_in_a_unit():
    notes = aggregate_notes([measured()], "utf-8")
    assert notes == ["over all cases of prose: word_perplexity 91.7 (baseline 78.5), bits_per_byte 1.31"]
    assert aggregate_notes([replace(measured(), unit=None), replace(measured(), aggregates=())], "utf-8") == []


def test_three_are_told_and_the_others_counted():
    notes = aggregate_notes([measured(f"prose{number}") for number in range(5)], "utf-8")
    assert len(notes) == 4
    assert notes[-1] == "figures over all cases of 2 more evaluations in report.json"


def test_they_are_kept_in_report_json_and_follow_its_schema():
    document = to_json(examples.report(measured()))
    jsonschema.validate(document, schema())
    assert from_json(document).evaluations[0].aggregates == FIGURES


def test_a_hostile_name_is_harmless():
    hostile = replace(measured(), aggregates=(Aggregate(f"{examples.HOSTILE}\n", 1.0, None),))
    (note,) = aggregate_notes([hostile], "ascii")
    assert note.isprintable()
    assert note.isascii()
