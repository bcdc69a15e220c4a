"""Fixtures that several evaluations share go here. Steelyard's own (case, model, …) come from its pytest plugin."""
