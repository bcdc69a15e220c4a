"""What is told of verdicts in which chance has no part, and of lost cases."""

from __future__ import annotations

import re

import numpy as np

from harness.decisions import decide
from harness.records import Usage, Verdict
from harness.reporting.markdown.report import markdown
from tests.decisions.observations import observed, replace
from tests.reporting import example_reports as examples
from tests.reporting.terminal.shown import text


def exact(**fields: object) -> Verdict:
    """One of four cases that come to 1, of both versions, whenever they are run."""
    shared = {"threshold": 1.0, "margin": 0.001, "about": "suite", "is_exact": True, "n_planned": 4, **fields}
    return decide([observed(np.ones((4, 1)), np.ones((4, 1)), **shared)], 0.95)[0]


def test_what_no_chance_has_a_part_in_has_no_bounds() -> None:
    verdict = exact()
    assert verdict.is_certain
    report = examples.report(verdict, usage=Usage(0, 0, 0, 0, 0, 0.8))
    for shown in (text(report, width=120), markdown(report)):
        assert "no model asked" in shown
        assert "1.000 [" not in shown
        assert "0.000 [" not in shown
        assert "bound in brackets" not in shown
    assert "proven above 0.999" in text(report)


def test_a_population_is_a_matter_of_chance_though_no_case_is() -> None:
    verdict = exact(about="population")
    assert not verdict.is_certain
    shown = text(examples.report(verdict), width=120)
    assert re.search(r"1\.00 -> 1\.00 \(.* to ", shown)
    assert "each bound in brackets" in shown


def test_of_a_part_the_whole_is_not_known() -> None:
    assert not replace(exact(), suite_size=5).is_certain
