"""The engine of the gate: estimates, bounds and corrections for scores, pure functions over arrays."""
