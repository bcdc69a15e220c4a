from __future__ import annotations

import pytest

from harness.reporting.shared.names import display_names, row_names
from tests.reporting.example_reports import verdict


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("suites/foundation/test_facts.py::test_capitals", "foundation/test_capitals"),
        ("tests/test_facts.py::test_capitals[fr]", "test_capitals[fr]"),
        ("test_facts.py::test_capitals", "test_capitals"),
        ("quality/deep/test_facts.py::TestFacts::test_capitals", "quality/deep/TestFacts::test_capitals"),
        ("suites/a/test_b.py::test_c[x/y::z]", "a/test_c[x/y::z]"),
        ("recorded", "recorded"),
        ("", ""),
    ],
)
def test_a_name_leaves_out_what_need_not_be_said(identity, name):
    assert display_names([identity]) == {identity: name}


def test_the_module_tells_two_of_the_same_name_apart():
    ids = ["suites/a/test_x.py::test_t", "suites/a/test_y.py::test_t", "suites/a/test_y.py::test_u"]
    assert list(display_names(ids).values()) == ["a/test_x/test_t", "a/test_y/test_t", "a/test_u"]


def test_the_whole_id_is_used_where_the_module_is_not_enough():
    ids = ["suites/a/test_x.py::test_t", "tests/a/test_x.py::test_t"]
    assert display_names(ids) == {identity: identity for identity in ids}


def test_an_id_given_twice_clashes_with_nothing():
    assert display_names(["suites/a/t.py::test_t"] * 2) == {"suites/a/t.py::test_t": "a/test_t"}


def test_the_metric_is_named_where_an_evaluation_has_more_than_one():
    verdicts = [verdict(metric="accuracy"), verdict(metric="length"), verdict(identity="suites/a/t.py::test_t")]
    assert row_names(verdicts) == ["foundation/test_capitals accuracy", "foundation/test_capitals length", "a/test_t"]
