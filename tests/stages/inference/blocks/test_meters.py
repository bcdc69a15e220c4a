"""What a block takes of the machine beside time."""

from __future__ import annotations

from harness.stages.inference.blocks.meters import EnergyMeter, no_energy


def test_where_nothing_counts_energy_it_is_said_why() -> None:
    joules = EnergyMeter().joules()
    assert joules is None or joules >= 0
    assert "powercap" in str(no_energy())
