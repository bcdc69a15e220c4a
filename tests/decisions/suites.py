"""Suites whose truth is known."""

from harness.decisions import decide, first_looks
from harness.records import VerdictKind
from tests.decisions.observations import observed

PASSED, REGRESSED, INCONCLUSIVE = VerdictKind.PASSED, VerdictKind.REGRESSED, VerdictKind.INCONCLUSIVE


def suite(candidate, baseline, **changes):
    changes = {"design": "sequential", "n_planned": len(candidate), **changes}
    return observed(candidate, baseline, about="suite", suite_size=len(candidate), **changes)


def verdict_of(entry, **options):
    (verdict,) = decide([entry], 0.95, looks=first_looks([entry.id]), **options)
    return verdict
