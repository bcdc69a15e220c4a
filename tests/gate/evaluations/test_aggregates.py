from __future__ import annotations

from collections.abc import Sequence

from harness.gate.evaluations.examples import Parts
from harness.records import Aggregate, CaseResult
from harness.scoring.results import Reading


def joined(parts: Sequence[str]) -> dict[str, float]:
    """A figure that tells which parts it is made of, and in which order."""
    return {"all": float("".join(parts)), **({"more": 1.0} if len(parts) > 1 else {})}


def case(name: str, n: int) -> CaseResult:
    return CaseResult(name, n, 1.0, None, "stable")


NUMBERS = {"a": 0, "b": 1, "c": 2}


def test_figures_are_made_of_the_cases_that_count_in_their_own_order() -> None:
    parts = Parts()
    for role, shift in (("candidate", 0), ("baseline", 3)):
        for row in (2, 0, 1):
            parts.keep((role, row, 0), {"m": Reading(1.0, part=str(1 + row + shift))})
    found = parts.aggregates(joined, [case("c", 1), case("a", 1)], NUMBERS)
    assert found == (Aggregate("all", 13.0, 46.0), Aggregate("more", 1.0, 1.0))


def test_samples_beyond_those_that_count_are_left_out() -> None:
    parts = Parts()
    for sample in range(3):
        parts.keep(("candidate", 0, sample), {"m": Reading(1.0, part=str(sample + 1))})
    assert parts.aggregates(joined, [case("a", 2)], NUMBERS)[0] == Aggregate("all", 12.0, None)


def test_a_version_without_parts_has_no_figures() -> None:
    parts = Parts()
    parts.keep(("baseline", 0, 0), {"m": Reading(1.0, part="7")})
    parts.keep(("candidate", 0, 0), {"m": Reading(1.0)})
    assert parts.aggregates(joined, [case("a", 1)], NUMBERS) == (Aggregate("all", None, 7.0),)
