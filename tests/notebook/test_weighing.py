"""A verdict tells a script its figures, and shows itself in a terminal and in a notebook."""

from __future__ import annotations

import math
from dataclasses import replace

from harness import Weighing
from harness.records import Difference, Report, VerdictKind
from tests.reporting import example_reports as examples

DIFFERENCE = Difference(-0.2, 0.05, -0.3, -0.1, 0.001, "t")


def report(*verdicts: VerdictKind) -> Report:
    entries = [
        replace(
            examples.verdict(identity=f"test_{kind}"),
            verdict=kind,
            reason=f"because <{kind}>",
            difference=replace(DIFFERENCE, low=-0.1 * number),
        )
        for number, kind in enumerate(verdicts)
    ]
    return examples.report(*entries)


def test_of_several_evaluations_the_worst_is_told() -> None:
    weighing = Weighing(
        report(VerdictKind.PASSED, VerdictKind.INCONCLUSIVE, VerdictKind.REGRESSED, VerdictKind.REGRESSED)
    )
    assert (weighing.verdict, weighing.reason) == (VerdictKind.REGRESSED, "because <regressed>")
    assert weighing.difference == weighing.evaluations[2].difference
    assert repr(weighing) == "<Weighing regressed: because <regressed>>"
    assert (weighing.value, weighing.low, weighing.high) == (-0.2, -0.2, -0.1)


def test_where_nothing_is_weighed_there_are_no_figures() -> None:
    nothing = Weighing(replace(report(VerdictKind.PASSED), evaluations=()))
    assert (nothing.reason, nothing.difference) == ("", None)
    assert all(map(math.isnan, (nothing.value, nothing.low, nothing.high)))
    assert nothing._repr_html_()


def test_text_tells_every_evaluation_and_a_notebook_escapes_what_users_write() -> None:
    weighing = Weighing(report(VerdictKind.PASSED, VerdictKind.REGRESSED), ("left out <1> case",))
    text, page = str(weighing), weighing._repr_html_()
    assert "test_passed" in text
    assert text.endswith("note    left out <1> case")
    assert "because &lt;regressed&gt;" in page
    assert "left out &lt;1&gt; case" in page
    assert "<1>" not in page
