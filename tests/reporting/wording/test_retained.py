from __future__ import annotations

from dataclasses import replace

from harness.records import CaseResult, Verdict
from harness.reporting.wording.retained import retained_note
from tests.reporting.example_reports import verdict


def of_cases(*pairs: tuple[float, float | None], **fields: object) -> Verdict:
    cases = tuple(
        CaseResult(f"c{number}", 1, candidate, baseline, "stable") for number, (candidate, baseline) in enumerate(pairs)
    )
    return replace(verdict(), cases=cases, **{"unit": None, **fields})


def test_the_share_that_is_kept_is_told_with_its_interval() -> None:
    note = retained_note(of_cases((0.8, 0.9), (0.6, 0.8), (0.9, 0.9), (0.7, 0.8)))
    assert note == "keeps 88.2% of the baseline's score [70.6%, 103.3%] at 95%"


def test_where_nothing_is_left_to_chance_the_share_has_no_interval() -> None:
    fields = {"is_exact": True, "about": "suite", "n_cases": 2}
    assert retained_note(of_cases((0.8, 0.9), (0.6, 0.8), **fields)) == "keeps 82.4% of the baseline's score"


def test_nothing_is_told_of_measures_and_where_there_is_nothing_to_keep() -> None:
    pairs = ((0.8, 0.9), (0.6, 0.8))
    assert retained_note(of_cases(*pairs, unit="s")) is None
    assert retained_note(of_cases((0.8, None), (0.6, None))) is None
    assert retained_note(of_cases((0.8, 0.9))) is None
    assert retained_note(of_cases((0.8, 0.0), (0.6, 0.0))) is None
    assert retained_note(of_cases((0.5, 1.0), (0.5, 0.0))) is None, "the other mean can't be told from 0"
