"""Cases that bodies left out."""

from __future__ import annotations

from harness.decisions import PartlySkippedCases
from harness.gate.sampling.skips import Skips


def skips() -> Skips:
    """Case 1 skipped by all bodies of both versions, case 3 by one of the candidate's two."""
    found = Skips(("candidate", "baseline"))
    for role in ("candidate", "candidate", "baseline", "baseline"):
        found.add(1, role)
    found.add(3, "candidate")
    return found


def test_cases_that_were_not_skipped_are_kept_in_their_order() -> None:
    assert skips().kept([4, 3, 2, 1, 0]) == [4, 2, 0]


def test_only_cases_that_are_asked_about_count() -> None:
    assert skips().count([0, 1, 2]) == 1
    assert skips().count(range(5)) == 2


def test_a_case_that_not_every_body_skipped_is_told_with_how_many_did() -> None:
    assert skips().partly(range(5), 2) == PartlySkippedCases(1, 2, {"candidate": 1, "baseline": 0})
    assert skips().partly([0, 1], 2) is None
