"""JUnit XML, read back by a parser that refuses what XML does not allow."""

from __future__ import annotations

import io
import re

import pytest
from defusedxml import ElementTree

from harness.records import SkippedEvaluation
from harness.reporting.junit import origin, properties_of_item, write_junit
from tests.decisions.observations import replace
from tests.reporting import example_reports as examples

# What Jenkins' and GitLab's readers know of a suite; of a test case beside these its properties, as pytest writes them.
ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "properties": set(),
    "property": {"name", "value"},
    "testcase": {"classname", "name"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
    "system-out": set(),
    "skipped": {"message"},
}
CHILDREN = {
    "testsuites": {"testsuite"},
    "testsuite": {"properties", "testcase"},
    "properties": {"property"},
    "testcase": {"properties", "failure", "error", "system-out", "skipped"},
}
XML = "]]></failure></testcase><testcase name='forged'/><!-- & \" ' \ufffe \uffff \x0b \x1b[2J \ud800 \U0001f600 é"


def written(report, inconclusive="fail"):
    stream = io.StringIO()
    write_junit(report, stream, inconclusive)
    return ElementTree.fromstring(stream.getvalue().encode("utf-8"))


def told(case):
    return {each.get("name"): each.get("value") for each in case.iter("property")}


def test_each_verdict_is_a_test_case_named_as_pytest_names_it():
    root = written(examples.red(1))
    assert [(case.get("classname"), case.get("name")) for case in root.iter("testcase")] == [
        ("suites.stage_0.test_things", "test_00"),
        ("suites.evaluation.test_summaries", "test_summaries"),
        ("suites.foundation.test_facts", "test_capitals"),
    ]
    in_class = examples.verdict(identity="suites/t.py::TestFacts::test_it[a/b.py::c]")
    (case,) = written(examples.report(in_class)).iter("testcase")
    assert (case.get("classname"), case.get("name")) == ("suites.t.TestFacts", "test_it[a/b.py::c]")
    (task,) = written(examples.report(examples.verdict(identity="facts"))).iter("testcase")
    assert (task.get("classname"), task.get("name")) == ("", "facts")


def test_metrics_of_one_evaluation_are_told_apart():
    both = (examples.verdict(metric="f1"), examples.verdict(metric="length"))
    assert [case.get("name") for case in written(examples.report(*both)).iter("testcase")] == [
        "test_capitals f1",
        "test_capitals length",
    ]


def test_a_failure_text_stands_alone():
    report = examples.red(0)
    (failure,) = (each for each in written(report).iter("failure") if each.get("type") == "regressed")
    first = "foundation/test_capitals regressed: lower by more than 0.05; 0.93 -> 0.71 (-0.28 to -0.16, margin 0.05)"
    assert failure.get("message") == first
    assert failure.text.splitlines()[2:7] == [
        "  versions    smollm2-pruned against smollm2",
        "  peru   5/5 -> 0/5",
        '  was  "Lima"',
        '  is   "The capital of the"',
        "  why  assert 'Lima' in 'The capital of the'",
    ]
    assert failure.text.endswith("note  312 of 1,000 answers were cut at max_tokens in foundation/test_capitals")


def test_a_long_first_line_is_whole_in_the_message():
    (failure,) = written(examples.undecided()).iter("failure")
    assert failure.get("type") == "inconclusive"
    assert failure.get("message") == (
        "evaluation/test_summaries inconclusive: could be lower by up to 0.09; about 7 more samples a case would "
        "decide it; 0.84 -> 0.81 (-0.09 to +0.03, margin 0.05)"
    )


def test_totals_are_those_of_the_cases():
    suite = written(
        examples.report(
            *examples.passed(2), examples.error("no route", identity="t.py::test_broken"), examples.regressed()
        )
    ).find("testsuite")
    assert suite is not None
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["4", "1", "1", "0"]
    assert (suite.get("time"), suite.get("timestamp")) == ("41.300", "2026-11-24T16:15:00")
    (error,) = suite.iter("error")
    assert (error.get("type"), error.get("message")) == ("error", "test_broken error: no route")


def test_what_was_skipped_is_counted():
    left_out = SkippedEvaluation("suites/t.py::test_recall", "student has no retriever")
    suite = written(replace(examples.green(), skipped=(left_out,))).find("testsuite")
    assert suite is not None
    assert (suite.get("tests"), suite.get("skipped")) == ("13", "1")
    (skipped,) = suite.iter("skipped")
    assert skipped.get("message") == "student has no retriever"
    (case,) = written(examples.report(replace(examples.verdict(), n_skipped=2))).iter("testcase")
    assert {each.get("name"): each.get("value") for each in case.iter("property")}["n_skipped"] == "2"


def test_what_is_open_counts_as_passed_where_it_only_warns():
    suite = written(examples.undecided(), "warn").find("testsuite")
    assert suite is not None
    assert suite.get("failures") == "0"
    assert list(suite.iter("failure")) == []
    (output,) = suite.iter("system-out")
    assert output.text is not None
    assert output.text.startswith("evaluation/test_summaries inconclusive")


def test_figures_are_properties():
    entry = replace(examples.regressed(threshold=0.9, needed=12), requirement="R 1", labels_needed=3)
    (case,) = written(examples.report(entry)).iter("testcase")
    assert told(case) == {
        "verdict": "regressed",
        "metric": "score",
        "requirement": "R 1",
        "candidate": "0.71",
        "baseline": "0.93",
        "difference": "-0.22",
        "low": "-0.28",
        "high": "-0.16",
        "threshold": "0.9",
        "margin": "0.05",
        "n_cases": "200",
        "n_samples": "1000",
        "samples_needed": "12",
        "labels_needed": "3",
        "run_id": "20261124-161500-3f2a",
        "candidate_version": "smollm2-pruned",
        "candidate_fingerprint": "sha256:1f",
        "baseline_version": "smollm2",
        "baseline_fingerprint": "sha256:2e",
    }


def test_figures_that_are_not_known_are_left_out():
    bare = replace(examples.error("no route"), metric="f1")
    entry = replace(bare, difference=replace(examples.difference(0.1), low=float("-inf")))
    (case,) = written(examples.report(entry, baseline=None)).iter("testcase")
    assert set(told(case)) == {
        *("verdict", "metric", "difference", "high", "margin", "n_cases", "n_samples", "run_id"),
        *("candidate_version", "candidate_fingerprint"),
    }


def test_an_item_with_several_metrics_has_the_worst_verdict_and_the_figures_of_each():
    report = examples.red(0)
    of_run = origin("r1", report.candidate, None)
    both = [examples.verdict(metric="f1"), examples.regressed(metric="length")]
    named = dict(properties_of_item(both, of_run))
    assert named["verdict"] == "regressed"
    assert (named["f1.verdict"], named["length.verdict"]) == ("passed", "regressed")
    assert dict(properties_of_item(both[:1], of_run))["candidate"] == "0.93"


@pytest.mark.parametrize("make", examples.ALL)
def test_it_has_no_more_than_readers_know_and_no_character_that_xml_forbids(make):
    report = make()
    report = replace(report, run_id=XML, created=XML, candidate=replace(report.candidate, fingerprint=XML))
    entries = [replace(each, metric=XML, unit=XML, requirement=XML * 1000) for each in report.evaluations]
    root = written(replace(report, evaluations=tuple(entries)))
    assert len(list(root.iter("testcase"))) == len(entries)
    for element in root.iter():
        assert set(element.keys()) == ATTRIBUTES[element.tag]
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        for text in (element.text or "", *element.attrib.values()):
            assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff\u202e]", text)
            assert len(text) < 20_000
