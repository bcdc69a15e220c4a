"""What the tests of the rule share."""

from harness.decisions import decide
from harness.records import VerdictKind
from tests.decisions.observations import binary, observed

PASSED, INCONCLUSIVE, REGRESSED, FAILED, ERROR = VerdictKind


def one(*arguments, level=0.95, **changes):
    (verdict,) = decide([observed(*arguments, **changes)], level)
    return verdict


def gate(rng, n):
    """Evaluations from equal to much worse."""
    evaluations = []
    for i in range(n):
        rates = rng.beta(0.9, 0.1, 60)
        evaluations.append(
            observed(
                binary(rng, rates * (1 - 0.02 * (i % 8)), 4),
                binary(rng, rates, 4),
                threshold=0.85 if i % 3 == 0 else None,
                id=f"e{i}",
            )
        )
    return evaluations
