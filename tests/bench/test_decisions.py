"""The yardsticks of the benchmark on decisions are themselves right."""

import numpy as np
import pytest

from harness.decisions import decide, worst
from harness.gate.planning.simulation import ScoreSpread, Shape, simulated
from tests.bench import decision_costs
from tests.bench.decision_errors import is_ever_red
from tests.bench.group_sequential import Boundaries, boundaries, decided

pytestmark = pytest.mark.nightly


@pytest.mark.parametrize(("name", "last"), [("O'Brien-Fleming", 1.751), ("Pocock", 2.122)])
def test_boundaries_of_five_looks_are_the_published_ones(name, last):
    """Jennison and Turnbull (2000), tables 2.1 and 2.3, two-sided 0.1: C_P(5) = 2.122, C_B(5) = 1.751."""
    assert boundaries(name).critical[-1] == pytest.approx(last, abs=0.002)


def test_a_planned_look_decides_by_what_was_seen_until_then():
    chosen = Boundaries("", (2.0, 2.0), 1.0)
    noise = np.tile([0.01, -0.01], 50)
    assert decided(noise - 0.5, 0.05, chosen) == ("red", 50)
    assert decided(noise, 0.05, chosen) == ("green", 50)
    assert decided(np.tile([0.9, -0.9], 50), 0.05, chosen) == ("open", 100)


def test_a_gate_that_is_looked_at_after_every_case_is_decided_as_on_each_beginning():
    reds = []
    for gate in range(8):
        rng = np.random.default_rng([77, gate])
        shape = Shape(cases=40, samples=2, spread=ScoreSpread(0.7, 0.5, 0.8))
        entries = [simulated(shape, 0.12, rng, str(i)) for i in range(3)]
        looks = (decide([entry.first(n) for entry in entries], 0.95) for n in range(1, 41))
        reds.append(any(worst(verdict.verdict for verdict in verdicts).is_red for verdicts in looks))
        assert is_ever_red(entries) == reds[-1]
    assert 0 < sum(reds) < 8


def test_the_paired_suite_takes_300_cases_on_a_fixed_design_and_an_unpaired_one_750():
    assert decision_costs.fixed_cases() == pytest.approx(300, abs=6)
    entry = simulated(Shape(cases=400_000, spread=decision_costs.SPREAD), 0.05, np.random.default_rng(1))
    variance = entry.candidate.mean(axis=1).var() + entry.baseline.mean(axis=1).var()
    assert variance * (2 * 1.6449) ** 2 / 0.05**2 == pytest.approx(750, abs=12)
