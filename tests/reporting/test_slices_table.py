"""Slices as CSV, read back by another reader."""

from __future__ import annotations

import csv
import io
from dataclasses import replace

import pytest

from harness.reporting.slices_table import COLUMNS, write_slices
from tests.reporting import example_reports as examples
from tests.reporting.wording.test_slices import SLICED

pytestmark = pytest.mark.service


def test_every_slice_is_a_row_the_worst_first_and_no_formula() -> None:
    worst = replace(SLICED.slices[0], value="=1+1")
    report = examples.report(replace(SLICED, slices=(worst, *SLICED.slices[1:])), *examples.passed(1))
    stream = io.StringIO()
    write_slices(report, stream)
    stream.seek(0)
    rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["field"], row["value"], row["n_cases"], row["verdict"]) for row in rows] == [
        ("topic", "'=1+1", "30", "regressed"),
        ("topic", "refunds", "30", "inconclusive"),
        ("topic", "hours", "0", "inconclusive"),
    ]
    assert (rows[0]["difference"], rows[0]["difference_high"]) == ("-0.9", "-0.6")
    assert rows[2]["candidate_low"] == ""
