"""Drawn, recorded or stored, scores are one table, in which a failed assertion is a 0 on every metric."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from harness.gate.evaluations.score_table import ScoreTable

NAN = np.nan


def test_a_failed_assertion_is_a_0_on_every_metric() -> None:
    table = ScoreTable(["a", "b"], 2)
    table.put("f1", 0, 0, 0.5)
    table.put("length", 0, 0, 3.0)
    table.failed[1, 1] = True
    assert table.metrics == ("f1", "length")
    assert_array_equal(table.of("f1"), [[0.5, NAN], [NAN, 0.0]])
    assert_array_equal(table.of("length"), [[3.0, NAN], [NAN, 0.0]])


def test_failed_assertions_have_no_metrics_name() -> None:
    table = ScoreTable.of_rows([(None, "b", [0.0, 1.0]), ("f1", "a", [0.5, NAN]), ("f1", "b", [1.0])])
    assert table.metrics == ("f1",)
    assert_array_equal(table.of("f1", ["a", "b"]), [[0.5, NAN], [1.0, 0.0]])
    assert_array_equal(table.failed, [[False, True], [False, False]])


def test_scores_that_bodies_return_without_a_name_are_a_metric() -> None:
    table = ScoreTable.of_rows([("score", "a", [0.0, 1.0]), ("score", "b", [0.0, 0.0])])
    assert table.metrics == ("score",)
    assert not table.failed.any()
    assert_array_equal(table.of("score"), [[0.0, 1.0], [0.0, 0.0]])
    assert np.isnan(table.of("f1")).all()


def test_where_each_body_failed_its_zeros_are_of_any_metric() -> None:
    table = ScoreTable.of_rows([(None, "a", [1.0, 1.0]), (None, "b", [1.0])])
    assert table.metrics == ()
    for metric in ("score", "f1"):
        assert_array_equal(table.of(metric), [[0.0, 0.0], [0.0, NAN]])


def test_a_case_without_scores_is_a_row_of_none() -> None:
    table = ScoreTable.of_rows([("score", "a", [1.0])])
    assert_array_equal(table.of("score", ["other", "a", None]), [[NAN], [1.0], [NAN]])
    assert_array_equal(ScoreTable.of_rows([]).of("score", ["a"]), [[NAN]])
