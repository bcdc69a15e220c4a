from __future__ import annotations

import math

from harness.records import RetainedShare
from harness.reporting.wording.retained import retained_note
from tests.reporting.example_reports import verdict


def test_the_share_that_is_kept_is_told_with_its_interval() -> None:
    note = retained_note(verdict(retained=RetainedShare(0.8824, 0.7059, 1.0331)))
    assert note == "keeps 88.2% of the baseline's score [70.6%, 103.3%]"


def test_a_share_without_an_interval_is_told_alone() -> None:
    assert retained_note(verdict(retained=RetainedShare(1.0, math.nan, math.nan))) == (
        "keeps 100.0% of the baseline's score"
    )
    certain = verdict(retained=RetainedShare(0.5, 0.5, 0.5), is_exact=True, about="suite")
    assert retained_note(certain) == "keeps 50.0% of the baseline's score"


def test_nothing_is_told_where_there_is_no_share() -> None:
    assert retained_note(verdict()) is None
