"""Cases that are asked for."""

from __future__ import annotations

from harness.gate.evaluations.cases import no_case_matches, select_cases
from harness.records import Case


def test_selection_is_by_case_sensitive_shell_pattern() -> None:
    cases = [Case({"id": name}) for name in ("peru", "Peru", "chad")]
    assert [case.id for case in select_cases(cases, "p*")] == ["peru"]
    assert [case.id for case in select_cases(cases, "[!c]eru")] == ["peru", "Peru"]


def test_unmatched_pattern_names_the_nearest_of_few_and_counts_many() -> None:
    assert "Did you mean 'peru'?" in str(no_case_matches("pery", ["peru", "chad"]))
    assert "matches none of 60 cases, such as c00" in str(no_case_matches("x", [f"c{i:02}" for i in range(60)]))
