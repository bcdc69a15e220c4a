"""What a person reads of measured error rates."""

from harness.gate.planning.calibration import Calibration, GateShare, MeasuredRates, Truth
from harness.gate.planning.shapes import PlannedGate, SeenShape
from harness.gate.planning.simulation import Shape
from harness.reporting.planning.calibration import render_calibration

GATE = PlannedGate((SeenShape(Shape(), has_samples=True, is_clustered=False),), 1, 0.95, "assumed")


def measured(name, wrong, red, green):
    return MeasuredRates(Truth(name, wrong, None), GateShare(red, 100), GateShare(green, 100), 900.0, 1000.0, 2000)


def test_an_exceeded_rate_stands_out():
    calibration = Calibration(
        (measured("same", "red", 20, 70), measured("worse", "green", 80, 2)), (measured("same", "red", 1, 90),), 0.05
    )
    text = "\n".join(render_calibration(GATE, calibration, 0))
    assert "false red    0.200 (at most 0.278): nominal 0.05 is EXCEEDED" in text
    assert "false green  0.020 (at most 0.062): nominal 0.05 is open, more --gates tell" in text
    assert "power        0.800 of gates red: worse" in text
    assert "whole runs   1 of 100 falsely red" in text
    assert "1,000 (50 %)" in text


def test_what_was_left_out_is_said_and_names_are_made_harmless():
    gate = PlannedGate(
        (SeenShape(Shape(name="red \x1b[31m"), has_samples=True, is_clustered=False),), 1, 0.95, "as seen"
    )
    calibration = Calibration((measured("same", "red", 0, 100), measured("worse", "green", 99, 0)), (), 0.05)
    text = "\n".join(render_calibration(gate, calibration, 2))
    assert "left out: 2 comparisons with a threshold" in text
    assert "\x1b" not in text
